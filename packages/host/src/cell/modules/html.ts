import type { CellModule, ModuleContext } from '../module.ts'
import { request } from './httpclient.ts'
import { asText } from './values.ts'

/** HTML to search and change. The calls that read a file or an address need the keys for those, at each call. */
export const htmlModule: CellModule = { name: 'html', key: undefined, make: makeHtml }

function makeHtml(context: ModuleContext): object {
  // Loaded at its first use: it is large, and not every script that requires it parses anything.
  const load = (text: string): unknown =>
    (context.library('cheerio') as { load(text: string): unknown }).load(text)
  const place = (scope: unknown, path: unknown): object => ({
    scope: asText(scope, 'the scope'),
    folder: context.folder,
    path: asText(path, 'the path'),
  })
  const textOf = (blobs: readonly Uint8Array[]): string => Buffer.from(blobs[0] ?? []).toString('utf8')
  return {
    fromString: (text: unknown) => load(asText(text, 'the HTML')),
    fromFile: async (scope: unknown, path: unknown) =>
      load(textOf((await context.call('fs.read', place(scope, path))).blobs)),
    fromFileSync: (scope: unknown, path: unknown) =>
      load(textOf(context.callSync('fs.read', place(scope, path)).blobs)),
    async fromUrl(url: unknown, options?: unknown) {
      const { status, headers, body } = await request(context, 'GET', url, undefined, options)
      if (status < 200 || status > 299) throw new Error(`the page was answered with ${status}`)
      if (!/^(?:text\/html|application\/xhtml\+xml)\b/i.test(headers['content-type'] ?? ''))
        throw new Error('the answer is not HTML')
      return load(String(body))
    },
  }
}
