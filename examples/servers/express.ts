import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { printPermission } from '@castellan/client'
import { guard } from '@castellan/client/express'
import express, { type Request } from 'express'
import { castellan, DOCUMENTS, findActor } from './guarded.ts'

/** An Express app whose documents are read by those who hold `doc:<id>:read`. */
const app = express()

app.get(
  '/docs/:id',
  guard({
    client: castellan,
    actor: (request: Request<{ id: string }>) => findActor(request.get('x-session')),
    permission: (request) => printPermission(['doc', request.params.id, 'read']),
  }),
  (request, response) => {
    const text = DOCUMENTS.get(request.params.id)
    if (text === undefined) response.sendStatus(404)
    else response.type('text').send(text)
  },
)

const server = app.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1')
await once(server, 'listening')
console.log(`documents at http://127.0.0.1:${(server.address() as AddressInfo).port}/docs/plan`)
process.once('SIGTERM', () => server.close())
