import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Operation } from '../../broker/operation.ts'
import { operation } from '../operation.ts'

/** All there are. `scripts/libraries.mjs` makes the text of each. */
export const LIBRARIES = ['barcode', 'buffer', 'cheerio', 'mime-types', 'pdfmake', 'qrcode', 'url'] as const

type Library = (typeof LIBRARIES)[number]

const FOLDER = new URL('../../../libraries/', import.meta.url)

/** Hands out the texts of the libraries that modules are made of. They hold no power, so no key is asked for. */
export function libraryOperations(): readonly Operation[] {
  const texts = new Map<Library, Promise<Uint8Array>>()

  /** Kept, since every cell asks for the same few. */
  function textOf(name: Library): Promise<Uint8Array> {
    let text = texts.get(name)
    if (text === undefined) {
      text = readFile(new URL(`${name}.js`, FOLDER))
      texts.set(name, text)
      text.catch(() => texts.delete(name))
    }
    return text
  }

  return [
    operation({
      op: 'library',
      key: undefined,
      shape: z.strictObject({ name: z.enum(LIBRARIES) }),
      run: async ({ args }) => ({ value: null, blobs: [await textOf(args.name)] }),
    }),
  ]
}
