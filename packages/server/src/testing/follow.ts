import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import type { TestContext } from 'node:test'
import type { Loose, Served } from './serve.ts'

/** One event of a stream; `data` is parsed. Comments are events without a name. */
export interface Event {
  readonly id?: string
  readonly name?: string
  readonly data?: Loose
  readonly comment?: string
}

export interface Stream {
  readonly response: IncomingMessage
  /** All that came until now. */
  readonly events: readonly Event[]
  /** The next event of a name, one that came already included. Fails after five seconds. */
  readonly next: (name: string) => Promise<Event>
  /** Resolves when the other side has ended it. */
  readonly closed: Promise<void>
  readonly close: () => void
}

/** Follows the journal over HTTP, as a token. */
export async function follow(
  t: TestContext,
  { address }: Served,
  token: string,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Stream> {
  const asked = request(`${address}/v1/watch${query}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    agent: false,
  })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.on('error', () => undefined)
  t.after(() => asked.destroy())
  const events: Event[] = []
  const waiting: (() => void)[] = []
  let rest = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n\n')
    rest = parts.pop()!
    events.push(...parts.map(parseEvent))
    for (const wake of waiting.splice(0)) wake()
  })
  const closed = new Promise<void>((resolve) => {
    response.once('close', () => resolve())
  })
  let seen = 0
  return {
    response,
    events,
    closed,
    close: () => asked.destroy(),
    async next(name) {
      const deadline = AbortSignal.timeout(5_000)
      for (;;) {
        while (seen < events.length) {
          const event = events[seen++]!
          if (event.name === name) return event
        }
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        const give = (): void => reject(new Error(`no \`${name}\` came\n${JSON.stringify(events.slice(-5))}`))
        waiting.push(resolve)
        deadline.addEventListener('abort', give)
        await promise.finally(() => deadline.removeEventListener('abort', give))
      }
    },
  }
}

/** @see the event stream format of the HTML standard */
function parseEvent(text: string): Event {
  const fields = text
    .split('\n')
    .map((line) => [line.split(':', 1)[0]!, line.slice(line.indexOf(':') + 1).trim()])
  const valueOf = (name: string): string | undefined => fields.find(([each]) => each === name)?.[1]
  const [id, name, data, comment] = [valueOf('id'), valueOf('event'), valueOf('data'), valueOf('')]
  return {
    ...(id !== undefined && { id }),
    ...(name !== undefined && { name }),
    ...(data !== undefined && { data: JSON.parse(data) }),
    ...(comment !== undefined && { comment }),
  }
}
