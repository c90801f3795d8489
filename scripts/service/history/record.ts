import { Agent } from 'node:http'
import { post, type Caller } from '../http.ts'
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

async function send(operation: Operation, line: Caller): Promise<Pick<Event, 'revision' | 'outcome'>> {
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
