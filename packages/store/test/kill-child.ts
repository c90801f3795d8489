// Changes the store named by the first argument through several callers at once, as fast as it goes, and prints each
// call that was answered: whether anything of it had to be kept, its id and revision. Never ends by itself. Every other
// one commits in another thread.
import { openLive } from '@castellan/store'
import { BASICS, batchOf, CALLERS, idOf } from './kill-script.ts'
import { openPatientStore } from './patient.ts'

const [path, round] = process.argv.slice(2) as [string, string]
const holdMsMax = Number(round.split('.').at(-1)) % 2 === 0 ? 0 : Infinity
const live = openLive({ store: await openPatientStore(path), holdMsMax })
if (live.engine.fact({ kind: 'group', id: 'crew' }) === undefined) await live.change(BASICS)
// The thread is there by then, and takes no time of what follows.
await live.change([{ add: { kind: 'user', id: `begin-${round}` } }], { reason: `begin-${round}` })
process.stdout.write('open\n')
await Promise.all(Array.from({ length: CALLERS }, (_, caller) => callOnAndOn(caller)))

async function callOnAndOn(caller: number): Promise<void> {
  for (let n = 0; ; n++) {
    const id = idOf(round, caller, n)
    try {
      const { revision, results } = await live.change(batchOf(id), { reason: id })
      const isSame = results.every(({ outcome }) => outcome === 'unchanged' || outcome === 'absent')
      process.stdout.write(`${isSame ? 'same' : 'kept'} ${id} ${revision}\n`)
    } catch (error) {
      process.stdout.write(`refused ${id} ${String(error)}\n`)
    }
  }
}
