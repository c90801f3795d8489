import { createServer as createBareServer } from 'node:http'
import { createServer, createLogger, issueToken, MemoryTokenSecrets } from '@castellan/server'
import { join } from 'node:path'
import { openLive, openSqliteStore } from '@castellan/store'
import { factsOf } from './text.ts'
import { generateWorld } from './world.ts'

/** What one served process is told: what to be, and how long the bare one's answers are. */
export interface Serving {
  readonly kind: 'castellan' | 'bare'
  readonly grants: number
  readonly seed: number
  /** Where it may make its database. */
  readonly folder: string
  readonly answers: Readonly<Record<string, number>>
}

export interface Served {
  readonly port: number
  readonly token: string
}

const serving = JSON.parse(process.argv[2] ?? '{}') as Serving
process.send?.(serving.kind === 'castellan' ? await serveCastellan(serving) : await serveBare(serving))
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.(user + system)
})
process.on('disconnect', () => process.exit())

/** The whole server over a generated world, with a service's token that may ask about others. */
async function serveCastellan({ grants, seed, folder }: Serving): Promise<Served> {
  const live = openLive({ store: await openSqliteStore({ path: join(folder, 'served.db') }), now: Date.now })
  let batch: Parameters<typeof live.change>[0][number][] = []
  for (const add of factsOf(generateWorld(grants, seed))) {
    batch.push({ add })
    if (batch.length < 1000) continue
    await live.change(batch)
    batch = []
  }
  batch.push({ add: { kind: 'user', id: 'service' } })
  batch.push({
    add: {
      kind: 'grant',
      issuer: 'system',
      holder: 'user:service',
      permission: 'castellan:check',
      extra: {},
    },
  })
  await live.change(batch)
  const tokens = new MemoryTokenSecrets()
  const { secret } = await issueToken({ live, tokens }, { issuer: 'user:service', full: true })
  const server = createServer({ live, tokens, log: createLogger({ level: 'silent' }) })
  return { port: portOf(await server.listen({ port: 0 })), token: secret }
}

/** Reads the body, answers with so many bytes. */
async function serveBare({ answers }: Serving): Promise<Served> {
  const bodies = new Map(Object.entries(answers).map(([path, bytes]) => [path, Buffer.alloc(bytes, 'x')]))
  const server = createBareServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      Buffer.concat(chunks).toString('utf8')
      const body = bodies.get(request.url ?? '')!
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length })
      response.end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    token: 'cst_'.padEnd(47, 'x'),
  }
}

function portOf(address: string): number {
  return Number(new URL(address).port)
}
