// Commits once, in another thread, to the store named by the first argument, says so and leaves everything open.
import { Script } from '@castellan/store/suite'
import { openPatientStore } from './patient.ts'

const store = await openPatientStore(process.argv[2] as string)
store.commitAside!([new Script().add({ kind: 'user', id: 'alice' })], (error) => {
  process.stdout.write(`${error === undefined ? 'durable' : 'refused'} ${store.revision}\n`)
})
