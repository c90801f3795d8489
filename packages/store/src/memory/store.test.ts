import { testStore } from '../suite/index.ts'
import { openMemoryStore } from './index.ts'

testStore('memory', () => ({ open: openMemoryStore, isDurable: false }))
