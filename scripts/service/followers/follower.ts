// A process that follows a server and prints the revision of each change it hears of, one a line, until it is killed:
// `follower.ts <address> <token> <the last revision known>`.
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'

const [address = '', token = '', known = '0'] = process.argv.slice(2)
const response = await fetch(`${address}/v1/watch`, {
  headers: { authorization: `Bearer ${token}`, 'last-event-id': known },
})
if (!response.ok || response.body === null) throw new Error(await response.text())
let id = ''
let isChange = false
for await (const line of createInterface({ input: Readable.fromWeb(response.body) })) {
  if (line.startsWith('id:')) id = line.slice('id:'.length).trim()
  else if (line === 'event: change') isChange = true
  else if (line === '') {
    // Other events, and an id alone, say where one is.
    if (isChange) console.log(id)
    isChange = false
  }
}
