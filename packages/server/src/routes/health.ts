import { healthAnswer } from '@castellan/protocol'
import { route, type Route } from './route.ts'

export const healthRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/healthz',
    tag: 'Operations',
    doc: 'whether the server and its store work',
    id: 'getHealth',
    statuses: { 200: 'they work', 503: 'changes cannot be made durable' },
    isOpen: true,
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
]
