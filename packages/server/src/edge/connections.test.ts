import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { problemShape } from '@castellan/protocol'
import { serve } from '../testing/serve.ts'

async function open(address: string, allowHalfOpen = false): Promise<Socket> {
  const socket = connect({ port: Number(new URL(address).port), host: '127.0.0.1', allowHalfOpen })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

const HEALTH = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'

describe('connections over the bound', () => {
  test('are told so and closed, and those within it are served', async (t) => {
    const { address, call, logged } = await serve(t, { limits: { connectionsMax: 3 } })
    const sockets = []
    for (let i = 0; i < 3; i++) sockets.push(await open(address))
    const over = await open(address)
    over.write(HEALTH)
    const answer = await text(over)
    assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1, answer)
    assert.match(answer, /^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n/s)
    const problem = problemShape.parse(JSON.parse(answer.split('\r\n\r\n')[1]!))
    assert.equal(problem.code, 'TOO_MANY_CONNECTIONS')
    for (const socket of sockets) {
      socket.write(HEALTH)
      assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200/)
    }
    assert.equal(logged.filter((line) => line.includes('too many connections')).length >= 1, true)
    for (const socket of sockets) socket.destroy()
    await sleep(50)
    assert.equal((await call('GET', '/healthz')).status, 200)
  })

  test('are cut where they stay, and closed without a word beyond some', { timeout: 20_000 }, async (t) => {
    const { address, logged } = await serve(t, { limits: { connectionsMax: 1 } })
    const kept = await open(address)
    // They keep their side open.
    const tell = async (): Promise<string> => {
      const socket = await open(address, true)
      t.after(() => socket.destroy())
      let answer = ''
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString()))
      await once(socket, 'end')
      return answer
    }
    const answers = await Promise.all(Array.from({ length: 100 }, tell))
    assert.equal(answers.filter((answer) => answer.startsWith('HTTP/1.1 503')).length, 64)
    assert.equal(answers.filter((answer) => answer === '').length, 36)
    await sleep(1_500)
    assert.match(await tell(), /^HTTP\/1\.1 503/, 'those told before are gone')
    const warnings = logged.filter((line) => line.includes('"too many connections"'))
    assert.equal(warnings.length, 1, 'a flood of connections is no flood of lines')
    kept.destroy()
  })
})

describe('a server that stops', () => {
  test('answers what is on its way on an idle connection, with `Connection: close`', async (t) => {
    const { server, address } = await serve(t)
    const [used, idle, silent] = [await open(address), await open(address), await open(address)]
    for (const socket of [used, idle]) {
      socket.write(HEALTH)
      assert.match(String((await once(socket, 'data'))[0]), /\r\nConnection: keep-alive\r\n/)
    }
    const closed = server.close()
    await assert.rejects(fetch(address))
    used.write(HEALTH)
    const answer = await text(used)
    assert.match(answer, /^HTTP\/1\.1 200 .*\r\nConnection: close\r\n/s)
    assert.match(answer, /"status":"ok"/)
    await closed
    for (const socket of [idle, silent]) if (!socket.closed) await once(socket, 'close')
  })

  test('answers what has arrived, though it could look at nothing for a while', async (t) => {
    const { server, address } = await serve(t)
    const used = await open(address)
    used.write(HEALTH)
    await once(used, 'data')
    const closed = server.close()
    used.write(HEALTH)
    // The kernel has it. The thread is held for longer than an idle connection lingers.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600)
    assert.match(await text(used), /^HTTP\/1\.1 200 .*\r\nConnection: close\r\n/s)
    await closed
  })

  test('goes on as before during the delay, and ends each connection with its answer', async (t) => {
    const { server, address } = await serve(t)
    const kept = await open(address)
    const closed = server.close({ delayMs: 300 })
    kept.write(HEALTH)
    assert.match(await text(kept), /^HTTP\/1\.1 200 .*\r\nConnection: close\r\n/s)
    const late = await open(address)
    late.write(HEALTH)
    assert.match(await text(late), /^HTTP\/1\.1 200 .*\r\nConnection: close\r\n/s)
    await closed
    await assert.rejects(fetch(address))
  })

  test('lets a slow reader have all of an answer that it has begun', async (t) => {
    const { server, address, tokenOf, change } = await serve(t)
    const extra = { text: 'x'.repeat(16_000) }
    for (let i = 0; i < 1_000; i += 100)
      await change(
        ...Array.from({ length: 100 }, (_, j) => ({
          add: {
            kind: 'grant',
            issuer: 'user:ed',
            holder: 'user:bob',
            permission: `a:${i + j}`,
            extra,
          } as const,
        })),
      )
    const socket = await open(address)
    socket.pause()
    socket.write(
      `GET /v1/grants?holder=user:bob&limit=1000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await tokenOf('bob')}\r\n\r\n`,
    )
    await sleep(300)
    const closed = server.close()
    await sleep(1_000)
    const answer = await text(socket)
    await closed
    const body = answer.slice(answer.indexOf('\r\n\r\n') + 4)
    const { items } = JSON.parse(body) as { items: unknown[] }
    assert.equal(items.length, 1_000)
  })
})
