import { healthAnswer, readyAnswer } from '@castellan/protocol'
import { route, type Route } from './route.ts'

export const healthRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/healthz',
    tag: 'Operations',
    doc: 'whether the server lives: it answers, and its store works',
    id: 'getHealth',
    statuses: { 200: 'they work', 503: 'changes cannot be made durable' },
    isOpen: true,
    isUnlimited: true,
    answer: healthAnswer,
    async handle(_asked, { live, engine, log }) {
      try {
        // Changing nothing writes nothing, and is refused as every change is once the store is broken or closed.
        await live.change([])
        return { body: { status: 'ok', revision: engine.revision } }
      } catch (error) {
        log.error({ err: error }, 'not healthy')
        return { status: 503, body: { status: 'failed' } }
      }
    },
  }),
  route({
    method: 'GET',
    path: '/readyz',
    tag: 'Operations',
    doc: 'whether requests should be sent here, and if not, which check says so',
    id: 'getReadiness',
    statuses: { 200: 'they should', 503: 'they should go elsewhere' },
    isOpen: true,
    isUnlimited: true,
    answer: readyAnswer,
    async handle(_asked, { readiness, stop, engine }) {
      const accepting = stop.isAnnounced
        ? { name: 'accepting', ok: false, detail: 'the server is stopping' }
        : { name: 'accepting', ok: true }
      const checks = [accepting, ...(await readiness.look())]
      const isReady = checks.every(({ ok }) => ok)
      return {
        status: isReady ? 200 : 503,
        body: { status: isReady ? 'ok' : 'failed', checks, revision: engine.revision },
      }
    },
  }),
]
