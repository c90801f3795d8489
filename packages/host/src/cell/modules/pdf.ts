import type { CellModule, ModuleContext } from '../module.ts'
import { fieldOf } from './values.ts'

/** PDF documents from a description. Made in the cell: what it costs is the app's own. */
export const pdfModule: CellModule = {
  name: 'pdf',
  key: 'pdf',
  make: (context) => ({
    async create(definition: unknown): Promise<Uint8Array> {
      // Asked at each use, since nothing else here asks the host about this key.
      await context.call('pdf.use', {})
      if (typeof definition !== 'object' || definition === null)
        throw new TypeError('the document must be an object')
      const pdfmake = context.library('pdfmake') as Pdfmake
      const fonts = await loadFonts(context, pdfmake, fieldOf(definition, 'fonts'))
      pdfmake.setFonts({ ...ROBOTO, ...fonts })
      return context.Buffer.from(await pdfmake.createPdf(definition).getBuffer())
    },
  }),
}

interface Pdfmake {
  addVirtualFileSystem(files: object): void
  setFonts(fonts: object): void
  createPdf(definition: object): { getBuffer(): Promise<Uint8Array> }
}

const ROBOTO = {
  Roboto: {
    normal: 'Roboto-Regular.ttf',
    bold: 'Roboto-Medium.ttf',
    italics: 'Roboto-Italic.ttf',
    bolditalics: 'Roboto-MediumItalic.ttf',
  },
}

/** Fonts are files of the app's box, read as `fs` reads them. */
async function loadFonts(context: ModuleContext, pdfmake: Pdfmake, given: unknown): Promise<object> {
  if (typeof given !== 'object' || given === null) return {}
  const loaded = Object.entries(given).map(async ([family, faces]) => {
    const files = Object.entries(faces as object).map(async ([face, path]) => {
      const at = { scope: 'BOX', folder: context.folder, path: String(path) }
      const { blobs } = await context.call('fs.read', at)
      const name = JSON.stringify([context.folder, path])
      pdfmake.addVirtualFileSystem({ [name]: Buffer.from(blobs[0] ?? []).toString('base64') })
      return [face, name] as const
    })
    return [family, Object.fromEntries(await Promise.all(files))] as const
  })
  return Object.fromEntries(await Promise.all(loaded))
}
