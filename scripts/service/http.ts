import { once } from 'node:events'
import { request, type Agent, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Caller {
  readonly address: string
  readonly token: string
  /** Default: that of the process. */
  readonly agent?: Agent
}

export type Answer = Readonly<Record<string, unknown>> & { readonly revision: number }

/** @throws when it is answered with a problem */
export async function post({ address, agent, token }: Caller, path: string, body: object): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const sent = request(address + path, { method: 'POST', headers, ...(agent !== undefined && { agent }) })
  sent.end(JSON.stringify(body))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const answer = await text(response)
  if ((response.statusCode ?? 500) >= 300) throw new Error(`${path} ${JSON.stringify(body)}: ${answer}`)
  return JSON.parse(answer) as Answer
}
