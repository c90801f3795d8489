export { testLive } from './live.ts'
export { testStore, type StorePlace } from './store.ts'
export { makeChance, Script } from './script.ts'
