import type { Fact, FactKey } from '@castellan/engine'
import { z } from 'zod'

/**
 * Shapes of facts, requests and answers. They close every object and say which fields are strings; what the
 * strings mean (ids, permissions, times) is the engine's to judge, so that it is judged in one place.
 */

const text = z.string()
/** Of a fact: null means absent, as in the bulk format. */
const absent = text.nullish()
const json = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'expected an object',
)
const atLeast = z.int().nonnegative().optional().describe('the answer must have seen this revision')
const revision = z.int().nonnegative().describe('the last commit this answer has seen')

export const factShape = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('namespace'),
    name: text,
    description: absent,
    modes: z.array(text).nullish(),
    requestable: z.boolean().nullish(),
    enforcedBy: absent,
  }),
  z.strictObject({ kind: z.literal('user'), id: text, name: absent }),
  z.strictObject({ kind: z.literal('group'), id: text, owner: absent }),
  z.strictObject({ kind: z.literal('app'), id: text, owner: absent, name: absent }),
  z.strictObject({
    kind: z.literal('token'),
    id: text,
    issuer: text,
    full: z.boolean().nullish(),
    expiresAt: absent,
  }),
  z.strictObject({
    kind: z.literal('resource'),
    permission: text,
    owner: absent,
    parent: absent,
    name: absent,
  }),
  z.strictObject({ kind: z.literal('member'), group: text, member: text }),
  z.strictObject({
    kind: z.literal('grant'),
    issuer: text,
    holder: text,
    permission: text,
    extra: json.nullish(),
    expiresAt: absent,
    reason: absent,
  }),
  z.strictObject({ kind: z.literal('suspension'), of: text }),
])

/** What names a fact. The rest of it may stand beside: removing `{"remove": fact}` needs the key and ignores the rest. */
export const factKeyShape = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('namespace'),
    name: text,
    description: absent,
    modes: z.array(text).nullish(),
    requestable: z.boolean().nullish(),
    enforcedBy: absent,
  }),
  z.strictObject({ kind: z.literal('user'), id: text, name: absent }),
  z.strictObject({ kind: z.literal('group'), id: text, owner: absent }),
  z.strictObject({ kind: z.literal('app'), id: text, owner: absent, name: absent }),
  z.strictObject({
    kind: z.literal('token'),
    id: text,
    issuer: absent,
    full: z.boolean().nullish(),
    expiresAt: absent,
  }),
  z.strictObject({
    kind: z.literal('resource'),
    permission: text,
    owner: absent,
    parent: absent,
    name: absent,
  }),
  z.strictObject({ kind: z.literal('member'), group: text, member: text }),
  z.strictObject({
    kind: z.literal('grant'),
    issuer: text,
    holder: text,
    permission: text,
    extra: json.nullish(),
    expiresAt: absent,
    reason: absent,
  }),
  z.strictObject({ kind: z.literal('suspension'), of: text }),
])

export const changeShape = z.union([
  z.strictObject({ add: factShape }),
  z.strictObject({ remove: factKeyShape, recursive: z.boolean().optional() }),
])

export const preconditionsShape = z.strictObject({
  ifRevision: z.int().nonnegative().optional(),
  ifAbsent: z.array(factKeyShape).optional(),
  ifPresent: z.array(factKeyShape).optional(),
})

/** `permission` or `permissions`, one of them: any of several is enough. */
const asked = { permission: text.optional(), permissions: z.array(text).optional() }

function hasOneOf(body: { permission?: unknown; permissions?: unknown }): boolean {
  return (body.permission === undefined) !== (body.permissions === undefined)
}

const ONE_OF = { message: 'give `permission` or `permissions`, one of them', path: ['permission'] }

export const checkRequest = z
  .strictObject({ actor: text.optional(), ...asked, atLeast })
  .refine(hasOneOf, ONE_OF)
export const checkAnswer = z.strictObject({ allowed: z.boolean(), revision })

export const checkEachRequest = z.strictObject({
  checks: z.array(z.strictObject({ actor: text.optional(), permission: text })),
  atLeast,
})
export const checkEachAnswer = z.strictObject({
  results: z.array(z.strictObject({ allowed: z.boolean() })),
  revision,
})

export const scanRequest = z
  .strictObject({ actor: text.optional(), ...asked, atLeast })
  .refine(hasOneOf, ONE_OF)
export const scanAnswer = z.strictObject({ reading: z.array(z.looseObject({ $: text })), revision })

export const explainRequest = z.strictObject({ actor: text.optional(), permission: text, atLeast })

const graphShape = z.strictObject({
  nodes: z.array(
    z.strictObject({
      id: z.int(),
      actor: text,
      permission: text,
      options: z.array(z.strictObject({ permission: text, by: text, data: json })),
    }),
  ),
  edges: z.array(
    z.strictObject({
      from: z.int(),
      to: z.int(),
      via: text,
      grant: z
        .strictObject({
          issuer: text,
          holder: text,
          permission: text,
          extra: json,
          expiresAt: text.optional(),
        })
        .nullable(),
      groups: z.array(text).optional(),
    }),
  ),
})

export const explainAnswer = z.strictObject({
  allowed: z.boolean(),
  graph: graphShape,
  brokenLinks: z
    .array(
      z.array(
        z.strictObject({
          problem: z.enum(['not-held', 'expired', 'suspended', 'unknown']),
          detail: text,
          mend: changeShape.nullable(),
          by: z.array(text),
        }),
      ),
    )
    .optional(),
  owners: z.array(text).optional(),
  revision,
})

export const holdersRequest = z.strictObject({ permission: text, atLeast })
export const permissionsRequest = z.strictObject({ actor: text.optional(), prefix: text.optional(), atLeast })
export const claimsRequest = z.strictObject({ actor: text.optional(), permission: text, atLeast })
export const claimsAnswer = z.strictObject({
  pathways: z.array(z.array(json)),
  truncated: z.boolean(),
  revision,
})
export const previewRequest = z.strictObject({ changes: z.array(changeShape), atLeast })

const question = z.strictObject({ actor: text, permission: text })
const resultShape = z.strictObject({
  outcome: z.enum(['added', 'updated', 'unchanged', 'removed', 'absent']),
  effective: z.boolean().optional(),
  revoked: z.int().optional(),
})

export const previewAnswer = z.strictObject({
  counts: z.strictObject({ lost: z.int(), gained: z.int(), kept: z.int() }),
  lost: z.array(question),
  gained: z.array(question),
  kept: z.array(question),
  results: z.array(resultShape),
  nextCursor: text.nullable(),
  revision,
  incomplete: z.boolean(),
})

export const changesRequest = z.strictObject({
  changes: z.array(changeShape),
  preconditions: preconditionsShape.optional(),
  reason: text.optional(),
  onDependants: z.enum(['allow', 'refuse']).optional(),
})
export const changesAnswer = z.strictObject({ revision, results: z.array(resultShape) })

export const grantRequest = z.strictObject({
  /** Default: the caller; for a token whoever made it. */
  issuer: text.optional(),
  holder: text,
  permission: text,
  extra: json.optional(),
  expiresAt: text.optional(),
  reason: text.optional(),
})

export const grantView = z.strictObject({
  id: text,
  issuer: text,
  holder: text,
  permission: text,
  extra: json,
  expiresAt: text.optional(),
  reason: text.optional(),
})
export const grantAnswer = z.strictObject({
  id: text,
  outcome: z.enum(['added', 'updated', 'unchanged']),
  effective: z.boolean(),
  revision,
})
export const grantReadAnswer = z.strictObject({ grant: grantView, revision })
export const revokeAnswer = z.strictObject({ revoked: z.int(), revision })

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({
    items: z.array(item),
    nextCursor: text.nullable(),
    revision,
    incomplete: z.boolean().optional(),
  })
}

export const grantsAnswer = pageOf(grantView)
export const holdersAnswer = pageOf(
  z.strictObject({
    actor: text,
    pathway: z.array(z.strictObject({ actor: text, permission: text, via: text })),
  }),
)
export const permissionsAnswer = pageOf(z.strictObject({ permission: text, source: text }))

/** Numbers arrive as digits. */
const digits = text.regex(/^(?:0|[1-9][0-9]{0,14})$/u, 'expected a whole number').transform(Number)

export const pageQuery = z.strictObject({ limit: digits.optional(), cursor: text.optional() })
export const grantsQuery = z.strictObject({
  issuer: text.optional(),
  holder: text.optional(),
  permission: text.optional(),
  limit: digits.optional(),
  cursor: text.optional(),
  atLeast: digits.optional(),
})
export const readQuery = z.strictObject({ atLeast: digits.optional() })
export const revokeQuery = z.strictObject({
  onDependants: z.enum(['allow', 'refuse']).optional(),
  reason: text.optional(),
})

export const tokenRequest = z.strictObject({
  /** Default: the caller, a user. */
  issuer: text.optional(),
  full: z.boolean().optional(),
  /** Granted to the token in the same commit. */
  permissions: z.array(text).optional(),
  expiresAt: text.optional(),
})
export const tokenAnswer = z.strictObject({
  id: text,
  issuer: text,
  full: z.boolean(),
  expiresAt: text.optional(),
  /** Shown this once. */
  token: text,
  revision,
})

export const healthAnswer = z.strictObject({
  status: z.enum(['ok', 'failed']),
  revision: revision.optional(),
})

export const problemShape = z.strictObject({
  type: text,
  title: text,
  status: z.int(),
  code: text,
  detail: text,
  hint: text,
  requestId: text,
  position: z.int().optional(),
  path: text.optional(),
  permission: text.optional(),
  limit: text.optional(),
  items: z.array(text).optional(),
  lost: z.array(question).optional(),
  total: z.int().optional(),
})

export type CheckRequest = z.output<typeof checkRequest>
export type CheckEachRequest = z.output<typeof checkEachRequest>
export type CheckAnswer = z.output<typeof checkAnswer>
export type CheckEachAnswer = z.output<typeof checkEachAnswer>
export type ScanRequest = z.output<typeof scanRequest>
export type ExplainRequest = z.output<typeof explainRequest>
export type ChangesRequest = z.output<typeof changesRequest>
export type ChangesAnswer = z.output<typeof changesAnswer>
export type GrantRequest = z.output<typeof grantRequest>
export type GrantView = z.output<typeof grantView>
export type GrantAnswer = z.output<typeof grantAnswer>
export type TokenRequest = z.output<typeof tokenRequest>
export type TokenAnswer = z.output<typeof tokenAnswer>

// Every kind of the engine has its shape here, and no other: a kind that one of them lacks does not compile.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never
export const FACTS_AGREE: Same<z.output<typeof factShape>['kind'], Fact['kind']> = true
export const KEYS_AGREE: Same<z.output<typeof factKeyShape>['kind'], FactKey['kind']> = true
