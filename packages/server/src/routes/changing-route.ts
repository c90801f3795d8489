import { values } from '@castellan/protocol'
import { Changing } from '../changing.ts'
import type { Context } from '../context.ts'
import { findAnswer, readOnce, REPLAYED } from '../once.ts'
import { route, type Answer, type Asked, type Route } from './route.ts'

interface ChangingRoute<Body, Query> extends Omit<Route<Body, Query>, 'handle'> {
  handle(
    asked: Asked<Body, Query> & { readonly changing: Changing },
    context: Context,
  ): Answer | Promise<Answer>
}

/** A route that changes something. Sent again under its `Idempotency-Key`, a request is answered and not done again. */
export function changingRoute<Body = undefined, Query = undefined>(
  definition: ChangingRoute<Body, Query>,
): Route {
  const { takes, headers, codes = [] } = definition
  return route<Body, Query>({
    ...definition,
    takes: { ...takes, 'Idempotency-Key': values.idempotencyKey },
    headers: { ...headers, [REPLAYED]: 'that this request was done before, and so answered' },
    codes: [...codes, 'KEY_REUSED'],
    async handle(asked, context) {
      const { caller, body, target } = asked
      const once = readOnce(asked.headers, [target, body ?? null])
      const act = async () =>
        definition.handle({ ...asked, changing: new Changing(context, caller, once) }, context)
      if (once === undefined) return act()
      return context.turns.take(caller, once, async () => {
        // While it waited for its turn, the token may have been taken away.
        context.callers.get(caller.actor.slice('token:'.length), context.now())
        return findAnswer(context.live, caller, once) ?? act()
      })
    },
  })
}
