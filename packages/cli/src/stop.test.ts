import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { castellan, finished, jsonOf, newFolder, spawnCastellan, type Running } from './testing/castellan.ts'

const isWindows = process.platform === 'win32'

describe('a server that is told to stop', { skip: isWindows }, () => {
  const folder = newFolder()
  const dir = join(folder.dir, 'platform')
  after(() => folder.remove())

  let token = ''
  const start = async (...args: string[]): Promise<{ child: Running; port: number }> => {
    if (token === '') ({ token } = jsonOf<{ token: string }>(await castellan(['init', dir, '--json'])))
    const child = spawnCastellan(['serve', '--dir', dir, '--port', '0', '--json', ...args])
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { address } = JSON.parse(line.toString()) as { address: string }
    return { child, port: Number(new URL(address).port) }
  }

  const request = (path: string, body: object): string => {
    const text = JSON.stringify(body)
    return `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`
  }

  test(
    'under load loses no request that reached it, and answers none by half',
    { timeout: 120_000 },
    async () => {
      const { child, port } = await start()
      const done = finished(child)
      const clients = Array.from({ length: 24 }, (_, i) => new Client(i))
      const running = clients.map((client) =>
        client.run(port, (count) =>
          client.number % 3 === 0
            ? request('/v1/changes', { changes: [{ add: { kind: 'user', id: client.nameOf(count) } }] })
            : request('/v1/check', { permission: 'manage' }),
        ),
      )
      await sleep(1_000)
      while (clients.some(({ answered }) => answered <= 3)) await sleep(10)
      child.kill('SIGTERM')
      await Promise.all(running)
      assert.equal((await done).status, 0)
      for (const { number, sent, answered, isLast, rest } of clients) {
        assert.equal(answered, sent, `client ${number} lost an answer; the rest: ${rest}`)
        assert.equal(isLast, true, `client ${number} was not told that its connection ends`)
        assert.equal(rest, '', `client ${number}`)
      }
      const kept = jsonOf<{ items: { id: string }[] }>(
        await castellan(['user', 'list', '--dir', dir, '--json']),
      )
      const ids = new Set(kept.items.map(({ id }) => id))
      for (const client of clients.filter(({ number }) => number % 3 === 0))
        for (let i = 0; i < client.answered; i++) assert.ok(ids.has(client.nameOf(i)), client.nameOf(i))
      jsonOf(await castellan(['journal', 'verify', '--dir', dir, '--json']))
    },
  )

  test('ends at once when told again, whatever the second signal is', { timeout: 60_000 }, async () => {
    for (const [first, second] of [
      ['SIGTERM', 'SIGTERM'],
      ['SIGINT', 'SIGTERM'],
    ] as const) {
      const { child, port } = await start('--stop-grace-ms', '600000')
      const closed = once(child, 'close')
      // A request that never comes to its end keeps the first stop waiting.
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(request('/v1/check', { permission: 'manage' }).slice(0, -1))
      await sleep(200)
      child.kill(first)
      await sleep(1_000)
      assert.equal(child.exitCode, null)
      child.kill(second)
      assert.deepEqual((await closed).slice(0, 2), [null, second])
      socket.destroy()
    }
  })

  test('cuts off after the grace who does not come to an end, and says so', { timeout: 60_000 }, async () => {
    const { child, port } = await start('--stop-grace-ms', '300')
    const done = finished(child)
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(request('/v1/check', { permission: 'manage' }).slice(0, -1))
    await sleep(200)
    child.kill('SIGTERM')
    const { status, stderr } = await done
    assert.equal(status, 0)
    assert.match(stderr, /"connections":1.*cut off/)
    jsonOf(await castellan(['check', 'user:admin', 'manage', '--dir', dir, '--json']))
  })
})

/** One connection that is used again for each request, one at a time, until it is told that it ends. */
class Client {
  readonly number: number
  sent = 0
  answered = 0
  isLast = false
  /** What came that is no whole answer. */
  rest = ''

  constructor(number: number) {
    this.number = number
  }

  nameOf(count: number): string {
    return `u${this.number}-${count}`
  }

  async run(port: number, requestOf: (count: number) => string): Promise<void> {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    const closed = once(socket, 'close')
    socket.on('data', (chunk: Buffer) => {
      this.rest += chunk.toString('latin1')
      if (this.takeAnswer() && !this.isLast) this.send(socket, requestOf)
    })
    await once(socket, 'connect')
    this.send(socket, requestOf)
    await closed
  }

  private send(socket: Socket, requestOf: (count: number) => string): void {
    socket.write(requestOf(this.sent++))
  }

  private takeAnswer(): boolean {
    const head = this.rest.indexOf('\r\n\r\n')
    if (head < 0) return false
    const length = /\r\nContent-Length: (\d+)/i.exec(this.rest.slice(0, head))
    const end = head + 4 + Number(length![1])
    if (this.rest.length < end) return false
    assert.match(this.rest, /^HTTP\/1\.1 200/)
    this.isLast = /\r\nConnection: close/i.test(this.rest.slice(0, head))
    this.rest = this.rest.slice(end)
    this.answered++
    return true
  }
}
