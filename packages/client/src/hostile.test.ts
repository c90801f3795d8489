import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import type { AddressInfo } from 'node:net'
import { connect } from './connect.ts'
import { CastellanProblem, UnreachableError } from './errors.ts'
import { listen } from './testing/listen.ts'

const TOKEN = 'secret-of-the-service'
const YES = '{"allowed":true,"revision":1}'
const isUnreachable = (error: unknown): boolean =>
  error instanceof UnreachableError && error.code === 'UNREACHABLE' && !inspect(error).includes(TOKEN)

const answers =
  (status: number, text: string): RequestListener =>
  (_, response) =>
    void response.writeHead(status).end(text)

/** Longest that a call of these tests takes, in milliseconds. */
const TIMEOUT_MS = 300

describe('what is no answer is never a yes', () => {
  const cases: readonly { name: string; answer: RequestListener }[] = [
    { name: 'HTML', answer: answers(200, '<h1>it works</h1>') },
    { name: 'nothing', answer: answers(200, '') },
    { name: 'no content', answer: answers(204, '') },
    { name: 'half an answer', answer: answers(200, YES.slice(0, -1)) },
    { name: 'a bare yes', answer: answers(200, 'true') },
    { name: 'a list', answer: answers(200, `[${YES}]`) },
    { name: 'another shape', answer: answers(200, '{"decision":true}') },
    { name: 'a yes that is a string', answer: answers(200, '{"allowed":"true","revision":1}') },
    { name: 'a yes that is a number', answer: answers(200, '{"allowed":1,"revision":1}') },
    { name: 'a yes of no revision', answer: answers(200, '{"allowed":true}') },
    { name: 'a yes of a revision that is none', answer: answers(200, '{"allowed":true,"revision":-1}') },
    {
      name: 'bytes that are no UTF-8',
      answer: (_, response) => void response.end(Buffer.from([0xff, 0x7b])),
    },
    { name: 'an error with the body of a yes', answer: answers(500, YES) },
    { name: 'a proxy that lost the server', answer: answers(502, '<h1>Bad Gateway</h1>') },
    { name: 'a problem without its fields', answer: answers(403, '{"code":"FORBIDDEN"}') },
    { name: 'no answer', answer: () => {} },
    { name: 'an answer that stops', answer: (_, response) => void response.write(YES) },
    {
      name: 'an answer that is cut off',
      answer(_, response) {
        response.writeHead(200, { 'Content-Length': '1000' }).write(YES, () => response.destroy())
      },
    },
    {
      name: 'an answer without end',
      answer(_, response) {
        const chunk = `"${'x'.repeat(1_000_000)}`
        const more = (): void => {
          while (!response.destroyed && response.write(chunk));
        }
        response.on('drain', more)
        more()
      },
    },
  ]
  for (const { name, answer } of cases) {
    test(name, async (t) => {
      const server = await listen(t, answer)
      // What has no end ends by its size, well before its time.
      const timeoutMs = name === 'an answer without end' ? 20_000 : TIMEOUT_MS
      await assert.rejects(
        connect({ server, token: TOKEN, timeoutMs }).check('user:alice', 'a:b'),
        isUnreachable,
      )
    })
  }

  test('nobody listens', async () => {
    const gone = createServer().listen(0, '127.0.0.1')
    await once(gone, 'listening')
    const { port } = gone.address() as AddressInfo
    gone.close()
    await assert.rejects(
      connect({ server: `http://127.0.0.1:${port}`, token: TOKEN }).check('user:alice', 'a:b'),
      (error) => isUnreachable(error) && /ECONNREFUSED/.test(String(error)),
    )
  })

  test('a `fetch` that never ends', async () => {
    const client = connect({
      server: 'http://127.0.0.1',
      token: TOKEN,
      timeoutMs: 20,
      fetch: () => new Promise(() => {}),
    })
    await assert.rejects(client.check('user:alice', 'a:b'), isUnreachable)
  })

  test('several answers of which one lacks', async (t) => {
    const server = await listen(t, answers(200, '{"results":[{"allowed":true}],"revision":1}'))
    const client = connect({ server, token: TOKEN })
    const ask = { actor: 'user:alice', permission: 'a:b' }
    assert.deepEqual(await client.checkEach([ask]), [true])
    await assert.rejects(client.checkEach([ask, ask]), isUnreachable)
  })

  test('a problem document whose status says otherwise', async (t) => {
    const problem = {
      code: 'FORBIDDEN',
      status: 200,
      detail: 'no',
      hint: 'ask',
      requestId: '1',
      allowed: true,
    }
    const server = await listen(t, answers(403, JSON.stringify(problem)))
    await assert.rejects(
      connect({ server, token: TOKEN }).check('user:alice', 'a:b'),
      (error) => error instanceof CastellanProblem && error.status === 403,
    )
  })
})

describe('the token', () => {
  for (const status of [301, 302, 303, 307, 308]) {
    test(`does not follow a redirect ${status}`, async (t) => {
      let visits = 0
      const elsewhere = await listen(t, (_, response) => {
        visits++
        response.end(YES)
      })
      const server = await listen(t, (_, response) => {
        response.writeHead(status, { Location: `${elsewhere}/v1/check` }).end()
      })
      await assert.rejects(connect({ server, token: TOKEN }).check('user:alice', 'a:b'), isUnreachable)
      assert.equal(visits, 0)
    })
  }

  test('is answered by no one else, where a `fetch` follows redirects on its own', async (t) => {
    const elsewhere = await listen(t, answers(200, YES))
    const server = await listen(t, (_, response) => {
      response.writeHead(307, { Location: `${elsewhere}/v1/check` }).end()
    })
    const client = connect({
      server,
      token: TOKEN,
      fetch: (url, request) => fetch(url, { ...request, redirect: 'follow' }),
    })
    await assert.rejects(client.check('user:alice', 'a:b'), isUnreachable)
  })
})

describe('a connection that was dropped', () => {
  /** Drops each connection as its request comes, but for the first so many requests, which it answers. */
  async function dropping(t: Parameters<typeof listen>[0], drops: number, text: string) {
    const seen: (string | undefined)[] = []
    const server = await listen(t, (request, response) => {
      seen.push(request.url)
      if (seen.length <= drops) request.socket.destroy()
      else response.end(text)
    })
    return { seen, client: connect({ server, token: TOKEN }) }
  }

  const changed = '{"results":[{"outcome":"added"}],"revision":1}'
  const add = { kind: 'user', id: 'zoe' } as const

  test('is asked once more', async (t) => {
    const { client, seen } = await dropping(t, 1, YES)
    assert.equal(await client.check('user:alice', 'a:b'), true)
    assert.equal(seen.length, 2)
  })

  test('is not asked a third time', async (t) => {
    const { client, seen } = await dropping(t, 2, YES)
    await assert.rejects(client.check('user:alice', 'a:b'), isUnreachable)
    assert.equal(seen.length, 2)
  })

  test('is not sent a change again', async (t) => {
    const { client, seen } = await dropping(t, 1, changed)
    await assert.rejects(client.change([{ add }]), isUnreachable)
    assert.equal(seen.length, 1)
  })

  test('is sent a change again under its key', async (t) => {
    const { client, seen } = await dropping(t, 1, changed)
    await client.change([{ add }], { idempotencyKey: 'zoe-1' })
    assert.equal(seen.length, 2)
  })
})

test('a key that is none is not sent', async () => {
  const client = connect({ server: 'http://127.0.0.1', token: TOKEN })
  await assert.rejects(client.change([], { idempotencyKey: 'a\nb' }), TypeError)
})
