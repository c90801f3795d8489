// Commits to the store named by the first argument until one fails, and prints the error's code and how many commits
// were made in all: after the failure a smaller one must go through. The second argument says whether they are made
// `aside`, in another thread. For running where files cannot grow without end.
import assert from 'node:assert/strict'
import type { Commit } from '@castellan/engine'
import { verifyStore } from '@castellan/store'
import { Script } from '@castellan/store/suite'
import { openPatientStore } from './patient.ts'

const store = await openPatientStore(process.argv[2] as string)
const script = new Script()
const text = 'x'.repeat(100_000)
let code: string | undefined
while (code === undefined) {
  const commit = script.add({ kind: 'namespace', name: `n${script.revision}`, description: text })
  try {
    await make(commit)
  } catch (error) {
    code = (error as { code: string }).code
    assert.equal(store.revision, commit.revision - 1)
    assert.equal(verifyStore(store).ok, true)
    await make({ ...commit, effects: [{ before: null, after: { kind: 'user', id: 'small' } }] })
  }
}
process.stdout.write(`${code} ${store.revision}\n`)

function make(commit: Commit): Promise<void> | void {
  if (process.argv[3] !== 'aside') return store.commit([commit])
  return new Promise((resolve, reject) => {
    store.commitAside!([commit], (error) => (error === undefined ? resolve() : reject(error)))
  })
}
