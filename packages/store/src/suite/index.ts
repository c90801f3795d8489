export { testStore, type StorePlace } from './store.ts'
