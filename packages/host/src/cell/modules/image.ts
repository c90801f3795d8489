import type { CellModule, ModuleContext } from '../module.ts'
import { asBytes, asText, fieldOf } from './values.ts'

/** Images, changed step by step. The steps are noted here and done by the host, all at once, in a process for it. */
export const imageModule: CellModule = { name: 'image', key: 'image', make: makeImage }

function makeImage(context: ModuleContext): object {
  const { Buffer: App, folder } = context
  const place = (scope: unknown, path: unknown): object => ({
    scope: asText(scope, 'the scope'),
    folder,
    path: asText(path, 'the path'),
  })
  const fromFile = (scope: unknown, path: unknown): object => {
    const at = place(scope, path)
    return processor(async () => (await context.call('fs.read', at)).blobs[0] ?? new Uint8Array())
  }
  const fromBuffer = (buffer: unknown): object => {
    const bytes = App.from(asBytes(buffer, 'the image'))
    return processor(() => Promise.resolve(bytes))
  }

  function processor(read: () => Promise<Uint8Array>): object {
    const steps: object[] = []
    const overlays: Uint8Array[] = []
    const run = async (): Promise<Uint8Array> => {
      const { blobs } = await context.call('image.process', { steps }, [await read(), ...overlays])
      return App.from(blobs[0] ?? [])
    }
    const note = (step: object): object => {
      steps.push(step)
      return chain
    }
    const chain = {
      resize: (options: unknown, height?: unknown) =>
        note({
          do: 'resize',
          ...(typeof options === 'number'
            ? { width: options, ...numbersOf({ height }, ['height']) }
            : resizeOf(options)),
        }),
      rotate: (angle: unknown = 0) => note({ do: 'rotate', angle: Number(angle) }),
      flip: () => note({ do: 'flip' }),
      flop: () => note({ do: 'flop' }),
      greyscale: () => note({ do: 'greyscale' }),
      blur: (sigma?: unknown) => note({ do: 'blur', ...numbersOf({ sigma }, ['sigma']) }),
      sharpen: () => note({ do: 'sharpen' }),
      composite: (image: unknown, options?: unknown) => {
        overlays.push(App.from(asBytes(image, 'the image')))
        return note({
          do: 'composite',
          blob: overlays.length,
          ...numbersOf(options, ['left', 'top', 'opacity']),
        })
      },
      format: (format: unknown, options?: unknown) =>
        note({
          do: 'format',
          format: asText(format, 'the format').toLowerCase(),
          ...numbersOf(options, ['quality', 'compressionLevel', 'effort']),
        }),
      toBuffer: run,
      async toFile(scope: unknown, path: unknown): Promise<void> {
        const at = place(scope, path)
        await context.call('fs.write', { ...at, append: false }, [await run()])
      },
    }
    return chain
  }

  return {
    load: (source: unknown, path?: unknown) =>
      typeof source === 'string' ? fromFile(source, path) : fromBuffer(source),
    loadFromFile: fromFile,
    loadFromBuffer: fromBuffer,
  }
}

function resizeOf(options: unknown): object {
  const step: Record<string, unknown> = { ...numbersOf(options, ['width', 'height']) }
  for (const name of ['fit', 'position', 'background'])
    if (typeof fieldOf(options, name) === 'string') step[name] = fieldOf(options, name)
  for (const name of ['withoutEnlargement', 'withoutReduction'])
    if (fieldOf(options, name) === true) step[name] = true
  return step
}

function numbersOf(options: unknown, names: readonly string[]): Record<string, number> {
  const numbers: Record<string, number> = {}
  for (const name of names) {
    const value = fieldOf(options, name)
    if (typeof value === 'number') numbers[name] = value
  }
  return numbers
}
