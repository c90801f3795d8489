import { ForbiddenError } from '@castellan/engine'
import { z } from 'zod'
import { route, type Route } from './route.ts'

export const metricRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/metrics',
    tag: 'Operations',
    doc: 'what the server does, in numbers, for Prometheus',
    id: 'getMetrics',
    isOpenWhen: ({ metrics }) => metrics.isOpen,
    type: 'text/plain; version=0.0.4; charset=utf-8',
    answer: z.string().describe('the text format of Prometheus'),
    codes: ['FORBIDDEN'],
    async handle({ caller }, { engine, metrics }) {
      if (!metrics.isOpen && !engine.check(caller.actor, 'castellan:metrics'))
        throw new ForbiddenError('you may not read the metrics', 'castellan:metrics')
      return { body: await metrics.read() }
    },
  }),
]
