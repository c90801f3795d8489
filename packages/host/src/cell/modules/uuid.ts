import { randomUUID } from 'node:crypto'
import type { CellModule } from '../module.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i

export const uuidModule: CellModule = {
  name: 'uuid',
  key: undefined,
  make: () => ({
    v4: () => randomUUID(),
    validate: (text: unknown) => typeof text === 'string' && UUID.test(text),
  }),
}
