import { printPermission } from '@castellan/client'
import { guard } from '@castellan/client/hono'
import { serve } from '@hono/node-server'
import { Hono, type Context, type Env } from 'hono'
import { castellan, DOCUMENTS, findActor } from './guarded.ts'

/** A Hono app whose documents are read by those who hold `doc:<id>:read`. */
const app = new Hono()

app.get(
  '/docs/:id',
  guard({
    client: castellan,
    actor: (context: Context<Env, '/docs/:id'>) => findActor(context.req.header('x-session')),
    permission: (context) => printPermission(['doc', context.req.param('id'), 'read']),
  }),
  (context) => {
    const text = DOCUMENTS.get(context.req.param('id'))
    return text === undefined ? context.notFound() : context.text(text)
  },
)

const port = Number(process.env['PORT'] ?? 8080)
const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, (address) => {
  console.log(`documents at http://127.0.0.1:${address.port}/docs/plan`)
})
process.once('SIGTERM', () => server.close())
