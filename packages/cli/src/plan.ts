import type { Change, FactKey, GrantFact, JsonObject, Preconditions, ResourceFact } from '@castellan/engine'
import type { Input } from './command.ts'
import { CommandError, usageError } from './exit.ts'
import type { Session } from './session.ts'
import type { GrantFilter, Target } from './target/target.ts'

/** What a command would change: made real by the command itself, and asked about when `preview` stands before it. */
export interface Plan {
  readonly changes: readonly Change[]
  readonly reason?: string
  readonly preconditions?: Preconditions
  /** Why there is nothing to change. */
  readonly nothing?: string
  /** What to ask a person first, where a mistake could not be taken back. */
  readonly confirm?: string
}

export type Planner = (session: Session, target: Target, input: Input) => Promise<Plan>

export const planGrant: Planner = async (session, target, input) => {
  const expires = input.text('expires')
  const extra = input.text('extra')
  const reason = input.text('reason')
  const grant: GrantFact = {
    kind: 'grant',
    issuer: await target.whoAmI(),
    holder: input.text('to') ?? '',
    permission: input.arg(0),
    extra: extra === undefined ? {} : parseExtra(extra),
    ...(expires === undefined ? {} : { expiresAt: parseExpiry(expires, session.io.now()) }),
    ...(reason === undefined ? {} : { reason }),
  }
  return { changes: [{ add: grant }], ...withReason(input) }
}

/**
 * Every grant of this very permission to this holder, or only the issuer's. Who acts as a user takes back what that
 * user gave; where the user gave nothing, all that stands is asked for, and authority decides.
 */
export const planRevoke: Planner = async (_session, target, input) => {
  const permission = input.arg(0)
  const holder = input.text('from') ?? ''
  const issuer = input.text('issuer')
  const caller = issuer ?? (await target.whoAmI())
  const own = await listGrants(target, { holder, permission, issuer: caller })
  const chosen =
    own.length > 0 || issuer !== undefined ? own : await listGrants(target, { holder, permission })
  return {
    changes: chosen.map((grant) => ({
      remove: { kind: 'grant', issuer: grant.issuer, holder: grant.holder, permission: grant.permission },
    })),
    nothing: `no grant of ${permission} to ${holder}${issuer === undefined ? '' : ` by ${issuer}`} stands`,
    ...withReason(input),
  }
}

export const planGroupCreate: Planner = async (_session, target, input) => {
  const owner = input.text('owner') ?? (await target.whoAmI())
  return {
    changes: [{ add: { kind: 'group', id: bareId('group', input.arg(0)), owner } }],
    ...withReason(input),
  }
}

export const planGroupAdd: Planner = async (_session, _target, input) => ({
  changes: memberKeys(input).map((key) => ({ add: key })),
  ...withReason(input),
})

export const planGroupRemove: Planner = async (_session, _target, input) => ({
  changes: memberKeys(input).map((key) => ({ remove: key })),
  ...withReason(input),
})

export const planGroupLeave: Planner = async (_session, target, input) => {
  const member = await target.whoAmI()
  if (!member.startsWith('user:'))
    throw usageError(`${member} is no member of groups`, 'say who leaves with `--as user:<id>`')
  return {
    changes: [{ remove: { kind: 'member', group: bareId('group', input.arg(0)), member } }],
    ...withReason(input),
  }
}

export const planGroupDelete: Planner = async (_session, _target, input) => ({
  changes: [{ remove: { kind: 'group', id: bareId('group', input.arg(0)) } }],
  ...withReason(input),
})

export const planUserCreate: Planner = async (_session, _target, input) => {
  const name = input.text('name')
  if (name !== undefined && input.args.length > 1)
    throw usageError('`--name` is for one user', 'create the users one by one')
  return {
    changes: input.args.map((id) => ({
      add: { kind: 'user', id: bareId('user', id), ...(name === undefined ? {} : { name }) },
    })),
    ...withReason(input),
  }
}

export const planUserRemove: Planner = async (_session, _target, input) => ({
  changes: input.args.map((id) => ({ remove: { kind: 'user', id: bareId('user', id) } })),
  ...withReason(input),
})

export const planTokenRevoke: Planner = async (_session, _target, input) => ({
  changes: input.args.map((id) => ({ remove: { kind: 'token', id: bareId('token', id) } })),
  ...withReason(input),
})

export const planResourceCreate: Planner = async (_session, target, input) => {
  const parent = input.text('parent')
  const name = input.text('name')
  const owner = input.text('owner') ?? (await target.whoAmI())
  return {
    changes: [
      {
        add: {
          kind: 'resource',
          permission: input.arg(0),
          owner,
          ...(parent === undefined ? {} : { parent }),
          ...(name === undefined ? {} : { name }),
        },
      },
    ],
    ...withReason(input),
  }
}

export const planResourceMove: Planner = async (_session, target, input) => {
  const into = input.text('into')
  if ((into === undefined) !== input.flag('top'))
    throw usageError('say where to move it', 'add either `--into <resource>` or `--top`')
  const { parent: _, ...rest } = await getResource(target, input.arg(0))
  const name = input.text('name')
  const moved: ResourceFact = {
    ...rest,
    ...(into === undefined ? {} : { parent: into }),
    ...(name === undefined ? {} : { name }),
  }
  return { changes: [{ add: moved }], ...withReason(input) }
}

export const planResourceGive: Planner = async (_session, target, input) => {
  const resource = await getResource(target, input.arg(0))
  return { changes: [{ add: { ...resource, owner: input.text('to') ?? '' } }], ...withReason(input) }
}

export const planResourceDelete: Planner = async (_session, _target, input) => {
  const permission = input.arg(0)
  if (!input.flag('recursive'))
    return { changes: [{ remove: { kind: 'resource', permission } }], ...withReason(input) }
  return {
    changes: [{ remove: { kind: 'resource', permission }, recursive: true }],
    confirm: `delete ${permission}, everything in it, and every grant on any of it`,
    ...withReason(input),
  }
}

export const planSuspend: Planner = async (_session, _target, input) => ({
  changes: input.args.map((of) => ({ add: { kind: 'suspension', of } })),
  ...withReason(input),
})

export const planResume: Planner = async (_session, _target, input) => ({
  changes: input.args.map((of) => ({ remove: { kind: 'suspension', of } })),
  ...withReason(input),
})

/** A file as the body of `POST /v1/changes`, or its list alone. */
export const planChange: Planner = async (session, _target, input) => {
  const { readChangeFile } = await import('./change-file.ts')
  const file = await readChangeFile(session.io, input.arg(0))
  return { ...file, nothing: 'the file holds no changes', ...withReason(input) }
}

/** `group:cool_group` and `cool_group` name the same group where only a group can stand. */
export function bareId(kind: 'user' | 'group' | 'token', text: string): string {
  return text.startsWith(`${kind}:`) ? text.slice(kind.length + 1) : text
}

async function listGrants(target: Target, filter: GrantFilter): Promise<GrantFact[]> {
  const grants: GrantFact[] = []
  for await (const grant of target.grants(filter)) grants.push(grant)
  return grants
}

function memberKeys(input: Input): readonly (FactKey & { readonly kind: 'member' })[] {
  const [group = '', ...members] = input.args
  return members.map((member) => ({ kind: 'member', group: bareId('group', group), member }))
}

async function getResource(target: Target, permission: string): Promise<ResourceFact> {
  const fact = await target.findResource(permission)
  if (fact === undefined)
    throw new CommandError(
      'USAGE',
      `resource \`${permission}\` does not exist`,
      'make it with `castellan resource create`',
    )
  return fact
}

function withReason(input: Input): { readonly reason?: string } {
  const reason = input.text('reason')
  return reason === undefined ? {} : { reason }
}

function parseExtra(text: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw usageError(
      `\`--extra\` is not JSON: ${error instanceof Error ? error.message : 'unreadable'}`,
      'write an object, as in `--extra \'{"hosts":["a.example"]}\'`',
    )
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw usageError(
      '`--extra` is not a JSON object',
      'write an object, as in `--extra \'{"hosts":["a.example"]}\'`',
    )
  return value as JsonObject
}

const SPAN = /^(?<amount>\d{1,6})(?<unit>[smhdw])$/
const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** An instant, or a span from now such as `90m` or `7d`. Instants are judged where all facts are. */
export function parseExpiry(text: string, now: number): string {
  const span = parseSpan(text)
  return span === undefined ? text : new Date(now + span).toISOString()
}

/**
 * An instant, or a span before now.
 *
 * @returns milliseconds since 1970
 */
export function parseSince(text: string, now: number): number {
  const span = parseSpan(text)
  const at = span === undefined ? Date.parse(text) : now - span
  if (Number.isNaN(at))
    throw usageError(`\`${text}\` is no instant and no span`, 'write as in `7d` or `2026-01-31T00:00:00Z`')
  return at
}

/** In milliseconds. */
function parseSpan(text: string): number | undefined {
  const groups = SPAN.exec(text)?.groups
  return groups && Number(groups['amount']) * (UNIT_MS[groups['unit'] ?? ''] ?? 0)
}
