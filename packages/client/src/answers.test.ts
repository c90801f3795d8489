import type {
  ChangesAnswer,
  ChangesRequest,
  explainAnswer,
  GrantAnswer,
  GrantRequest,
  Problem,
  revokeAnswer,
} from '@castellan/protocol'
import { test } from 'node:test'
import type { Changed, Explanation, FactWish, Granted, GrantWish, Revoked } from './answers.ts'
import type { ProblemFields } from './errors.ts'

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
type Holds<A extends B, B> = A extends B ? true : never
/** What a schema of zod makes. */
type Output<Schema extends { parse(value: unknown): unknown }> = ReturnType<Schema['parse']>
/** Absent and `undefined` are the same in JSON. */
type Plain<T> = T extends readonly (infer Item)[]
  ? readonly Plain<Item>[]
  : T extends object
    ? { readonly [K in keyof T]: Plain<Exclude<T[K], undefined>> }
    : T

type KindOfChange = Extract<ChangesRequest['changes'][number], { add: unknown }>['add']['kind']

test('the types are those by which the server validates', () => {
  // A field that one of them lacks does not compile.
  const agreed: readonly true[] = [
    true satisfies Same<Plain<GrantAnswer>, Plain<Granted>>,
    true satisfies Same<Plain<GrantRequest>, Plain<GrantWish>>,
    true satisfies Same<Plain<Output<typeof revokeAnswer>>, Plain<Revoked>>,
    true satisfies Same<Plain<ChangesAnswer>, Plain<Changed>>,
    true satisfies Same<KindOfChange, FactWish['kind']>,
    true satisfies Holds<Plain<Output<typeof explainAnswer>>['graph'], Plain<Explanation>['graph']>,
    true satisfies Same<keyof Output<typeof explainAnswer>, keyof Explanation>,
    true satisfies Same<Pick<Problem, keyof ProblemFields>, ProblemFields>,
  ]
  return void agreed
})
