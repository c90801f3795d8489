// The process that changes images and draws charts for one app: native code, which a process contains and a thread does
// not. It is bounded in time and memory, and has no surroundings. It is NOT sealed as a cell is: a fault in a decoder that
// runs foreign code would run it as the host's user.
import { fileURLToPath } from 'node:url'
import type { ChartConfiguration } from 'chart.js'
import type { Sharp, SharpConstructor } from 'sharp'
import { serve } from '../helper/serve.ts'
import { PIXELS_MAX, RENDER_FRAMES, type ChartArgs, type ImageStep, type RenderCommand } from './protocol.ts'

serve(
  RENDER_FRAMES,
  async ({ head, blobs }) => {
    const command = head as RenderCommand
    try {
      const bytes =
        command.do === 'image'
          ? await changeImage(command.steps, blobs)
          : await drawCharts(command.args, blobs)
      return { head: { ok: true }, blobs: [bytes] }
    } catch (error) {
      const code = command.do === 'image' ? 'IMAGE_FAILED' : 'CHART_FAILED'
      return { head: { error: { code, message: error instanceof Error ? error.message : 'it failed' } } }
    }
  },
  () => undefined,
)

/** What is decoded: the common formats, from memory. No SVG, PDF or others that lead to other files or to more code. */
const LOADERS = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif'].map((name) => `VipsForeignLoad${name}Buffer`)

async function loadSharp(): Promise<SharpConstructor> {
  const { default: sharp } = await import('sharp')
  sharp.concurrency(1)
  sharp.cache(false)
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({ operation: LOADERS })
  return sharp
}

async function changeImage(steps: readonly ImageStep[], blobs: readonly Uint8Array[]): Promise<Uint8Array> {
  const sharp = await loadSharp()
  const open = (bytes: Uint8Array | undefined) =>
    sharp(bytes ?? new Uint8Array(), { limitInputPixels: PIXELS_MAX, failOn: 'error', sequentialRead: true })
  let image = open(blobs[0])
  for (const step of steps) {
    if (step.do === 'resize') {
      const { do: _do, ...options } = step
      image = image.resize(options)
    } else if (step.do === 'rotate') image = step.angle === 0 ? image.autoOrient() : image.rotate(step.angle)
    else if (step.do === 'flip') image = image.flip()
    else if (step.do === 'flop') image = image.flop()
    else if (step.do === 'greyscale') image = image.greyscale()
    else if (step.do === 'sharpen') image = image.sharpen()
    else if (step.do === 'blur') image = step.sigma === undefined ? image.blur() : image.blur(step.sigma)
    else if (step.do === 'format') {
      const { do: _do, format, ...options } = step
      image = image.toFormat(format === 'jpg' ? 'jpeg' : format, options)
    } else if (step.do === 'composite') {
      const { blob, left = 0, top = 0, opacity = 1 } = step
      const input = await fade(open(blobs[blob]), opacity)
      image = image.composite([{ input, left, top }])
    }
  }
  return image.toBuffer()
}

async function fade(image: Sharp, opacity: number): Promise<Buffer> {
  if (opacity === 1) return image.png().toBuffer()
  const input = Buffer.from([255, 255, 255, Math.round(opacity * 255)])
  const raw = { width: 1, height: 1, channels: 4 } as const
  return image
    .ensureAlpha()
    .composite([{ input, raw, tile: true, blend: 'dest-in' }])
    .png()
    .toBuffer()
}

const FACES = ['Regular', 'Medium', 'Italic', 'MediumItalic']

async function drawCharts(
  { width, height, background, charts, fonts }: ChartArgs,
  blobs: readonly Uint8Array[],
): Promise<Uint8Array> {
  const { createCanvas, GlobalFonts } = await import('@napi-rs/canvas')
  const { Chart } = await import('chart.js/auto')
  if (!GlobalFonts.has('Roboto'))
    for (const face of FACES)
      GlobalFonts.registerFromPath(
        fileURLToPath(import.meta.resolve(`pdfmake/build/fonts/Roboto/Roboto-${face}.ttf`)),
        'Roboto',
      )
  for (const [at, family] of fonts.entries()) GlobalFonts.register(Buffer.from(blobs[at] ?? []), family)
  Chart.defaults.font.family = 'Roboto, sans-serif'
  const canvas = createCanvas(width, height)
  const paper = canvas.getContext('2d')
  if (background !== undefined) {
    paper.fillStyle = background
    paper.fillRect(0, 0, width, height)
  }
  for (const { json, left, top, width: across, height: down } of charts) {
    const part = createCanvas(across, down)
    const config = JSON.parse(json) as ChartConfiguration
    const options = {
      ...config.options,
      animation: false,
      responsive: false,
      devicePixelRatio: 1,
      events: [],
    } as const
    const chart = new Chart(part.getContext('2d'), {
      ...config,
      options: { ...options, events: [] },
    })
    paper.drawImage(part, left, top)
    chart.destroy()
  }
  return canvas.encode('png')
}
