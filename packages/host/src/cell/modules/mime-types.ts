import type { CellModule } from '../module.ts'

interface MimeTypes {
  readonly lookup: (path: unknown) => unknown
  readonly contentType: (type: unknown) => unknown
  readonly extension: (type: unknown) => unknown
  readonly charset: (type: unknown) => unknown
}

export const mimeTypesModule: CellModule = {
  name: 'mime-types',
  key: undefined,
  make: (context) => {
    const { lookup, contentType, extension, charset } = context.library('mime-types') as MimeTypes
    return { lookup, contentType, extension, charset }
  },
}
