import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { callerOf, randomOperation, type Operation } from './operations.ts'

/** One operation as its client saw it. */
export interface Event {
  readonly operation: Operation
  /** Ticks of one clock for all clients: before the request is sent, and after the whole answer is there. */
  readonly begin: number
  readonly end: number
  /** The revision that the answer states. */
  readonly revision: number
  /** Of a check whether it was allowed; of a change whether it changed anything. */
  readonly outcome: boolean
}

export interface HistoryOptions {
  readonly address: string
  /** Of each user that `callerOf` names. */
  readonly tokens: ReadonlyMap<string, string>
  readonly clients: number
  readonly operations: number
  readonly chance: (limit: number) => number
}

/** Lets clients loose on a server, each with one request under way, and writes down what they saw. */
export async function recordHistory({
  address,
  tokens,
  clients,
  operations,
  chance,
}: HistoryOptions): Promise<Event[]> {
  const history: Event[] = []
  let begun = 0
  let tick = 0
  const run = async (): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      while (begun < operations) {
        begun++
        const operation = randomOperation(chance)
        const begin = tick++
        const answer = await send(operation, { address, agent, token: tokens.get(callerOf(operation))! })
        history.push({ operation, begin, end: tick++, ...answer })
      }
    } finally {
      agent.destroy()
    }
  }
  await Promise.all(Array.from({ length: clients }, run))
  return history
}

interface Line {
  readonly address: string
  /** Default: that of the process. */
  readonly agent: Agent | undefined
  readonly token: string
}

async function send(operation: Operation, line: Line): Promise<Pick<Event, 'revision' | 'outcome'>> {
  if (operation.kind === 'check') {
    const { actor, permission } = operation
    const { allowed, revision } = await post(line, '/v1/check', { actor, permission })
    return { outcome: allowed as boolean, revision }
  }
  const changes = [{ [operation.kind]: operation.fact }]
  const { results, revision } = await post(line, '/v1/changes', { changes })
  const { outcome } = (results as readonly { outcome: string }[])[0]!
  return { outcome: outcome === 'added' || outcome === 'removed', revision }
}

type Answer = Readonly<Record<string, unknown>> & { readonly revision: number }

export async function post({ address, agent, token }: Line, path: string, body: object): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const sent = request(address + path, { method: 'POST', agent, headers })
  sent.end(JSON.stringify(body))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const answer = await text(response)
  if ((response.statusCode ?? 500) >= 300) throw new Error(`${path} ${JSON.stringify(body)}: ${answer}`)
  return JSON.parse(answer) as Answer
}
