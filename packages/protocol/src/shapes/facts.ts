import type { Fact, FactKey } from '@castellan/engine'
import { z } from 'zod'
import { pageOf, paging, readQuery } from './paging.ts'
import { actor, holder, id, instant, issuer, json, permission, reason, text } from './values.ts'

const token = z.strictObject({
  kind: z.literal('token'),
  id,
  issuer,
  full: z.boolean().nullish(),
  expiresAt: instant.nullish(),
})

/** Null means absent, as in the bulk format. */
const others = [
  z.strictObject({
    kind: z.literal('namespace'),
    name: text,
    description: text.nullish(),
    modes: z.array(text).nullish(),
    requestable: z.boolean().nullish(),
    enforcedBy: text.nullish(),
  }),
  z.strictObject({ kind: z.literal('user'), id, name: text.nullish() }),
  z.strictObject({ kind: z.literal('group'), id, owner: actor.nullish() }),
  z.strictObject({ kind: z.literal('app'), id, owner: actor.nullish(), name: text.nullish() }),
  z.strictObject({
    kind: z.literal('resource'),
    permission,
    owner: actor.nullish(),
    parent: permission.nullish(),
    name: text.nullish(),
  }),
  z.strictObject({ kind: z.literal('member'), group: id, member: holder }),
  z.strictObject({
    kind: z.literal('grant'),
    issuer,
    holder,
    permission,
    extra: json.nullish(),
    expiresAt: instant.nullish(),
    reason: reason.nullish(),
  }),
  z.strictObject({ kind: z.literal('suspension'), of: actor }),
] as const

export const factShape = z
  .discriminatedUnion('kind', [...others, token])
  .meta({ examples: [{ kind: 'user', id: 'zoe' }] })

/**
 * What names a fact. The rest of it may stand beside: removing `{"remove": fact}` needs the key and ignores the rest.
 * Only a token's fact has a part beside its key that it cannot do without.
 */
export const factKeyShape = z
  .discriminatedUnion('kind', [...others, token.extend({ issuer: issuer.nullish() })])
  .meta({ examples: [{ kind: 'user', id: 'zoe' }] })

export const factKind = z.enum([
  'namespace',
  'user',
  'group',
  'app',
  'token',
  'resource',
  'member',
  'grant',
  'suspension',
])
export const factsQuery = z.strictObject({
  kind: factKind
    .optional()
    .describe(
      'default: all of them, each after what it names; but resources may come before what they lie in',
    ),
  ...paging,
  ...readQuery.shape,
})
export const factsAnswer = pageOf(factShape)

// Every kind of the engine has its shape here, and no other: a kind that one of them lacks does not compile.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
export const FACTS_AGREE: Same<z.output<typeof factShape>['kind'], Fact['kind']> = true
export const KEYS_AGREE: Same<z.output<typeof factKeyShape>['kind'], FactKey['kind']> = true
export const KINDS_AGREE: Same<z.output<typeof factKind>, Fact['kind']> = true
