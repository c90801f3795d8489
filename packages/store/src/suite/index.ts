export { testStore, type StorePlace } from './store.ts'
export { Script } from './script.ts'
