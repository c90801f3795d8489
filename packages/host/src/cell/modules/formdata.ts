import { randomUUID } from 'node:crypto'
import type { CellModule, ModuleContext } from '../module.ts'
import { asText, fieldOf } from './values.ts'

/** Forms to send with `httpclient`. */
export const formdataModule: CellModule = {
  name: 'formdata',
  key: undefined,
  make: (context) => ({ create: () => create(context) }),
}

function create({ Buffer: App }: ModuleContext): object {
  const boundary = `form-${randomUUID()}`
  const parts: Uint8Array[] = []
  return {
    append(name: unknown, value: unknown, options?: unknown): void {
      const filename = typeof options === 'string' ? options : fieldOf(options, 'filename')
      const type = fieldOf(options, 'contentType')
      const isFile = value instanceof Uint8Array
      const lines = [
        `--${boundary}`,
        `Content-Disposition: form-data; name="${quoted(asText(name, 'the name'))}"`,
      ]
      if (typeof filename === 'string' || isFile)
        lines[1] += `; filename="${quoted(typeof filename === 'string' ? filename : 'file')}"`
      if (isFile)
        lines.push(`Content-Type: ${typeof type === 'string' ? oneLine(type) : 'application/octet-stream'}`)
      // Copied: what the app changes later is not sent.
      parts.push(
        App.from(`${lines.join('\r\n')}\r\n\r\n`),
        App.from(isFile ? value : String(value)),
        App.from('\r\n'),
      )
    },
    getBoundary: () => boundary,
    getHeaders: (headers?: object) => ({
      ...headers,
      'content-type': `multipart/form-data; boundary=${boundary}`,
    }),
    getBuffer: () => App.concat([...parts, App.from(`--${boundary}--\r\n`)]),
  }
}

/** As browsers write names, so that none ends its quotes or its line. */
function quoted(text: string): string {
  return text.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22')
}

function oneLine(text: string): string {
  if (/[\r\n]/.test(text)) throw new TypeError('a type must be on one line')
  return text
}
