import type { CellModule, ModuleContext } from '../module.ts'
import { encodePng, type Grey } from './png.ts'
import { asText, fieldOf } from './values.ts'

/** QR codes and barcodes, as PNG. */
export const qrcodeModule: CellModule = { name: 'qrcode', key: undefined, make: makeQrcode }

const BUFFER = 'buffer'
const DATA_URL = 'dataurl'
const PIXELS_MAX = 4_096

function makeQrcode(context: ModuleContext): object {
  const out = (grey: Grey, options: unknown): unknown => {
    const png = context.Buffer.from(encodePng(grey))
    const output = fieldOf(options, 'output') ?? BUFFER
    if (output === BUFFER) return png
    if (output !== DATA_URL) throw new TypeError('the output must be `buffer` or `dataurl`')
    return `data:image/png;base64,${Buffer.from(png).toString('base64')}`
  }
  return {
    BUFFER,
    DATA_URL,
    qrcode: async (text: unknown, options?: unknown) =>
      out(drawQr(context, asText(text, 'the text'), options), options),
    barcode: async (format: unknown, text: unknown, options?: unknown) =>
      out(drawBars(context, asText(format, 'the format'), asText(text, 'the text'), options), options),
  }
}

const LEVELS = new Map([
  ['low', 'L'],
  ['medium', 'M'],
  ['quartile', 'Q'],
  ['high', 'H'],
])

interface QrLibrary {
  create(
    text: string,
    options: object,
  ): { readonly modules: { readonly size: number; get(row: number, column: number): unknown } }
}

function drawQr(context: ModuleContext, text: string, options: unknown): Grey {
  const level = asText(fieldOf(options, 'errorCorrectionLevel') ?? 'medium', 'the level of error correction')
  const { modules } = (context.library('qrcode') as QrLibrary).create(text, {
    errorCorrectionLevel: LEVELS.get(level) ?? level,
  })
  const margin = numberOf(options, 'margin', 4, 0, 100)
  const across = modules.size + 2 * margin
  // Whole pixels for each module, so that no edge is blurred; never fewer than one.
  const scale = Math.max(1, Math.floor(numberOf(options, 'width', 200, 1, PIXELS_MAX) / across))
  const width = across * scale
  const pixels = new Uint8Array(width * width).fill(255)
  for (let row = 0; row < modules.size; row += 1)
    for (let column = 0; column < modules.size; column += 1)
      if (modules.get(row, column) === true || modules.get(row, column) === 1)
        fill(
          { width, height: width, pixels },
          (column + margin) * scale,
          (row + margin) * scale,
          scale,
          scale,
        )
  return { width, height: width, pixels }
}

/** The names that apps use, where the library has others. */
const FORMATS = new Map([
  ['upc', 'upca'],
  ['code128a', 'code128'],
  ['code128b', 'code128'],
  ['code128c', 'code128'],
  ['itf', 'interleaved2of5'],
  ['codabar', 'rationalizedCodabar'],
  ['msi', 'msi'],
])

interface BarLibrary {
  render(options: object, drawing: object): Grey
  readonly FontLib: {
    lookup(font: string): number
    getglyph(font: number, code: number, width: number, height: number): Glyph | undefined
  }
}

interface Glyph {
  readonly top: number
  readonly left: number
  readonly width: number
  readonly height: number
  readonly advance: number
  readonly bytes: ArrayLike<number>
  readonly offset: number
}

function drawBars(context: ModuleContext, format: string, text: string, options: unknown): Grey {
  const bwip = context.library('barcode') as BarLibrary
  const name = format.toLowerCase().replaceAll(/[^a-z\d]/g, '')
  const scale = numberOf(options, 'width', 2, 1, 20)
  const height = numberOf(options, 'height', 100, 1, 2_000)
  const asked = {
    bcid: FORMATS.get(name) ?? name,
    text,
    scaleX: scale,
    scaleY: scale,
    // The library counts in millimetres at 72 dots per inch.
    height: (height / scale / 72) * 25.4,
    includetext: fieldOf(options, 'displayValue') !== false,
    textxalign: 'center',
    padding: 5,
  }
  return bwip.render(asked, drawingOf(bwip))
}

/** What the library draws with: bars are lines, other shapes are rectangles and polygons of right angles. */
function drawingOf({ FontLib }: BarLibrary): object {
  let paddings = { left: 0, right: 0, top: 0, bottom: 0 }
  let image: Grey = { width: 0, height: 0, pixels: new Uint8Array() }
  let polygons: (readonly [number, number])[][] = []
  return {
    setopts(options: Record<string, number>) {
      paddings = {
        left: options['paddingleft'] ?? 0,
        right: options['paddingright'] ?? 0,
        top: options['paddingtop'] ?? 0,
        bottom: options['paddingbottom'] ?? 0,
      }
    },
    scale: () => undefined,
    measure(text: string, font: string, width: number, height: number) {
      const id = FontLib.lookup(font)
      const glyphs = Array.from(text, (character) =>
        FontLib.getglyph(id, character.charCodeAt(0), width | 0, height | 0),
      )
      const known = glyphs.filter((glyph) => glyph !== undefined)
      return {
        width: known.reduce(
          (sum, glyph, at) => sum + (at === known.length - 1 ? glyph.left + glyph.width : glyph.advance),
          0,
        ),
        ascent: Math.max(0, ...known.map(({ top }) => top)),
        descent: Math.max(0, ...known.map(({ top, height }) => height - top)),
      }
    },
    init(width: number, height: number) {
      const [across, down] = [
        width + paddings.left + paddings.right,
        height + paddings.top + paddings.bottom,
      ].map(Math.ceil)
      if (!(across! <= PIXELS_MAX && down! <= PIXELS_MAX))
        throw new RangeError(`the image is larger than ${PIXELS_MAX} pixels`)
      image = { width: across!, height: down!, pixels: new Uint8Array(across! * down!).fill(255) }
    },
    line(x0: number, y0: number, x1: number, y1: number, width: number) {
      const [left, top, right, bottom] = [x0 | 0, y0 | 0, x1 | 0, y1 | 0] as [number, number, number, number]
      const thick = Math.round(width) || 1
      const half = Math.floor(thick / 2)
      if (left === right)
        fill(
          image,
          paddings.left + left - half,
          paddings.top + Math.min(top, bottom),
          thick,
          Math.abs(bottom - top),
        )
      else
        fill(
          image,
          paddings.left + Math.min(left, right),
          paddings.top + top - half,
          Math.abs(right - left),
          thick,
        )
    },
    polygon: (points: (readonly [number, number])[]) => void polygons.push(points),
    hexagon: (points: (readonly [number, number])[]) => void polygons.push(points),
    ellipse: () => undefined,
    fill() {
      fillEvenOdd(image, polygons, paddings.left, paddings.top)
      polygons = []
    },
    clip: () => undefined,
    unclip: () => undefined,
    text(
      x: number,
      y: number,
      text: string,
      _color: string,
      font: { name: string; width: number; height: number; dx?: number },
    ) {
      const id = FontLib.lookup(font.name)
      let at = paddings.left + Math.round(x)
      for (const character of text) {
        const glyph = FontLib.getglyph(id, character.charCodeAt(0), font.width | 0, font.height | 0)
        if (glyph === undefined) continue
        blend(image, glyph, at + glyph.left, paddings.top + Math.round(y) - glyph.top)
        at += glyph.advance + (font.dx ?? 0)
      }
    },
    end: () => image,
  }
}

function fill(
  { width, height, pixels }: Grey,
  left: number,
  top: number,
  across: number,
  down: number,
): void {
  for (let y = Math.max(0, top); y < Math.min(height, top + down); y += 1)
    pixels.fill(0, y * width + Math.max(0, left), y * width + Math.max(0, Math.min(width, left + across)))
}

function fillEvenOdd(
  image: Grey,
  polygons: readonly (readonly (readonly [number, number])[])[],
  dx: number,
  dy: number,
): void {
  for (let y = 0; y < image.height; y += 1) {
    const row = y - dy + 0.5
    const crossings: number[] = []
    for (const points of polygons)
      for (const [at, [x0, y0]] of points.entries()) {
        const [x1, y1] = points[(at + 1) % points.length]!
        if (y0 <= row !== y1 <= row) crossings.push(x0 + ((row - y0) / (y1 - y0)) * (x1 - x0))
      }
    crossings.sort((one, other) => one - other)
    for (let at = 0; at + 1 < crossings.length; at += 2) {
      const from = Math.round(crossings[at]!)
      fill(image, dx + from, y, Math.round(crossings[at + 1]!) - from, 1)
    }
  }
}

function blend({ width, height, pixels }: Grey, glyph: Glyph, left: number, top: number): void {
  for (let y = 0; y < glyph.height; y += 1)
    for (let x = 0; x < glyph.width; x += 1) {
      const [at, down] = [left + x, top + y]
      if (at < 0 || at >= width || down < 0 || down >= height) continue
      const ink = glyph.bytes[glyph.offset + y * glyph.width + x] ?? 0
      pixels[down * width + at] = Math.round((pixels[down * width + at]! * (255 - ink)) / 255)
    }
}

function numberOf(options: unknown, name: string, given: number, min: number, max: number): number {
  const value = fieldOf(options, name)
  if (value === undefined || value === null) return given
  const number = Math.round(Number(value))
  if (!(number >= min && number <= max)) throw new RangeError(`${name} must be from ${min} to ${max}`)
  return number
}
