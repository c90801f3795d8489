import type { CellModule } from '../module.ts'
import { asText } from './values.ts'

/** Values that are kept for a while, each as its JSON: what one gets is a copy of what one set. */
export const cacheModule: CellModule = {
  name: 'cache',
  key: 'cache',
  make: (context) => ({
    async get(key: unknown): Promise<unknown> {
      const { value } = await context.call('cache.get', { key: asText(key, 'the key') })
      return typeof value === 'string' ? JSON.parse(value) : null
    },
    async set(key: unknown, value: unknown, ttl?: unknown): Promise<void> {
      const json = JSON.stringify(value) as string | undefined
      if (json === undefined) throw new TypeError('the value is not JSON')
      const ttlSeconds = typeof ttl === 'number' && ttl > 0 ? { ttlSeconds: ttl } : {}
      await context.call('cache.set', { key: asText(key, 'the key'), json, ...ttlSeconds })
    },
    async del(key: unknown): Promise<void> {
      await context.call('cache.del', { key: asText(key, 'the key') })
    },
    async clear(): Promise<void> {
      await context.call('cache.clear', {})
    },
  }),
}
