import { z } from 'zod'
import { PAGE_POLICY, renderPage } from '../docs-page/page.ts'
import type { OpenApi } from '../openapi/document.ts'
import { route, type Route } from './route.ts'

/**
 * What the server says of itself.
 *
 * @param readOpenApi - since the document is of all routes, these among them, it is there later than they
 */
export function docsRoutes(readOpenApi: () => OpenApi): readonly Route[] {
  let page: string | undefined
  return [
    route({
      method: 'GET',
      path: '/openapi.json',
      tag: 'Operations',
      doc: 'this API as an OpenAPI 3.1 document',
      id: 'getOpenApi',
      isOpen: true,
      answer: z.looseObject({ openapi: z.string() }).describe('an OpenAPI 3.1 document'),
      handle: (_asked, { namedUrl }) => ({ body: documentAt(readOpenApi(), namedUrl) }),
    }),
    route({
      method: 'GET',
      path: '/docs',
      tag: 'Operations',
      doc: 'this API as a page, on which it can be tried',
      id: 'getDocs',
      isOpen: true,
      type: 'text/html; charset=utf-8',
      answer: z.string().describe('a page that asks nothing of any other host'),
      headers: {
        'Content-Security-Policy': 'keeps the page from reaching anywhere else',
        'Referrer-Policy': 'tells no other host of the page',
        'X-Content-Type-Options': 'keeps the page from being read as anything else',
      },
      handle() {
        page ??= renderPage(readOpenApi())
        return {
          headers: {
            'Content-Security-Policy': PAGE_POLICY,
            'Referrer-Policy': 'no-referrer',
            'X-Content-Type-Options': 'nosniff',
          },
          body: page,
        }
      },
    }),
  ]
}

/** A relative URL leads to the host that the document came from, though not where a proxy puts a path before it. */
function documentAt(document: OpenApi, url: string | undefined): OpenApi {
  return url === undefined ? document : { ...document, servers: [{ url }] }
}
