import { FACT_KINDS, type Fact } from '@castellan/engine'
import { factsAnswer, factsQuery } from '@castellan/protocol'
import { READING } from '../openapi/codes.ts'
import { assertReached } from '../seen.ts'
import { storedPage, type StoredList } from '../stored-page.ts'
import { pagingOf } from './questions.ts'
import { route, type Route } from './route.ts'

export const factRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/facts',
    tag: 'Facts',
    doc: 'every fact as the bulk format has it, by kind and then by key, without the built-in ones',
    id: 'listFacts',
    codes: [...READING, 'FORBIDDEN', 'RULE_FAILED'],
    query: factsQuery,
    answer: factsAnswer,
    handle({ caller, query }, { live, engine }) {
      assertReached(engine, query.atLeast)
      const kinds = query.kind === undefined ? FACT_KINDS : [query.kind]
      for (const kind of kinds) engine.authorizeQuestion(caller.actor, { about: 'facts', kind })
      const lists = kinds.map((kind): StoredList<Fact> => ({
        kind,
        from: ['', '', ''],
        view: (fact) => fact,
      }))
      const page = storedPage(live, lists, { facts: query.kind ?? 'all' }, pagingOf(query))
      return { body: { ...page, revision: engine.revision } }
    },
  }),
]
