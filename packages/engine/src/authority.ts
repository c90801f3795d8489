import type { Change } from './change.ts'
import { NONE } from './columns.ts'
import { FactInvalidError, ForbiddenError, IssuerWrongError } from './errors.ts'
import type {
  Fact,
  FactKey,
  FactKind,
  GrantFact,
  GroupFact,
  MemberFact,
  ResourceFact,
  TokenFact,
} from './fact.ts'
import type { Inquiry } from './inquiry.ts'
import { factKey } from './parse-fact.ts'
import { namespaceOf } from './permission.ts'

/**
 * Who may ask and who may change, by the tables of `permissions.md` sections 5 and 6. Everything comes down to
 * holding a permission, so the engine answers it about itself.
 */
interface Caller {
  /** As it acts: the token itself, or the user. */
  readonly actor: string
  /** In whose name it may state its own facts: a user, an app acting for one, or undefined. */
  readonly principal: string | undefined
  /** A user, or a full-access token of one: may issue grants without `manage:`. */
  readonly isFree: boolean
  readonly isToken: boolean
}

/** Throws unless `callerText` may make this resolved change in the world as it is. */
export function authorizeChange(inquiry: Inquiry, callerText: string, change: Change): void {
  if (callerText === 'system') return
  const caller = callerOf(inquiry, callerText)
  if (inquiry.holds(caller.actor, 'castellan:facts')) return
  if ('add' in change) authorizeAdd(inquiry, caller, change.add)
  else authorizeRemove(inquiry, caller, change.remove)
}

function callerOf(inquiry: Inquiry, text: string): Caller {
  const actor = inquiry.actor(text)
  if (!inquiry.isLive(actor))
    throw new ForbiddenError(`\`${text}\` is suspended, has expired or does not exist`)
  const { index } = inquiry
  switch (actor.kind) {
    case 'user':
      return { actor: text, principal: text, isFree: true, isToken: false }
    case 'user-app':
      return { actor: text, principal: text, isFree: false, isToken: false }
    case 'token':
      return {
        actor: text,
        principal: index.partyText[index.base.get(actor.row)]!,
        isFree: index.isFullToken(actor.row),
        isToken: true,
      }
    default:
      return { actor: text, principal: undefined, isFree: false, isToken: false }
  }
}

function authorizeAdd(inquiry: Inquiry, caller: Caller, fact: Fact): void {
  switch (fact.kind) {
    case 'grant':
      return authorizeGrant(inquiry, caller, fact)
    case 'group':
      return authorizeGroup(inquiry, caller, fact)
    case 'member':
      return require(inquiry, caller, `manage:group:${fact.group}`, 'to add members')
    case 'token':
      return authorizeToken(caller, fact)
    case 'resource':
      return authorizeResource(inquiry, caller, fact)
    case 'suspension':
      return authorizeSuspension(inquiry, caller, fact.of)
    default:
      throw forbidden(`to state facts of kind \`${fact.kind}\``, 'castellan:facts')
  }
}

function authorizeGrant(inquiry: Inquiry, caller: Caller, fact: GrantFact): void {
  if (fact.issuer !== caller.principal)
    throw forbidden(`to grant in the name of \`${fact.issuer}\``, 'castellan:facts')
  // A scoped token grants in its issuer's name: to itself, that would turn `manage:` of a permission into the permission.
  if (fact.holder === caller.actor) throw new FactInvalidError('holder', 'nobody grants to themselves')
  if (!caller.isFree)
    require(inquiry, caller, `manage:${fact.permission}`, 'for an app or a scoped token to grant it')
  if (!fact.holder.startsWith('app:')) return
  const owner = inquiry.index.app(fact.holder.slice('app:'.length))?.owner
  if (owner === undefined || owner === fact.issuer || inquiry.holds(caller.actor, 'castellan:apps')) return
  throw new IssuerWrongError(
    `only \`${owner}\`, who owns it, or a holder of \`castellan:apps\` grants to \`${fact.holder}\``,
    `let \`${owner}\` grant it`,
  )
}

function authorizeGroup(inquiry: Inquiry, caller: Caller, fact: GroupFact): void {
  if (inquiry.index.group(fact.id) !== undefined)
    return require(inquiry, caller, `manage:group:${fact.id}`, 'to change the group')
  const isOwn = caller.isFree && fact.owner === caller.principal
  if (!isOwn) throw forbidden(`to make a group of \`${fact.owner}\``, 'castellan:facts')
}

function authorizeToken(caller: Caller, fact: TokenFact): void {
  if (caller.isToken) throw forbidden('for a token to make tokens', 'castellan:facts')
  if (fact.issuer !== caller.principal)
    throw forbidden(`to make a token of \`${fact.issuer}\``, 'castellan:facts')
}

function authorizeResource(inquiry: Inquiry, caller: Caller, fact: ResourceFact): void {
  const before = inquiry.index.resource(fact.permission)
  // One that is hidden and one that is not there are refused in the same words.
  if (before === undefined || !mayLook(inquiry, caller, fact))
    throw forbidden('to make resources, or to change one that you may not see', 'castellan:facts')
  requireOver(inquiry, caller, fact.permission)
  // Names at the top of the tree begin every path: whoever took one would answer to paths that others mean.
  const isAtTop = fact.parent === undefined && namespaceOf(fact.permission) === 'fs'
  if (isAtTop && fact.name !== undefined && (before.parent !== undefined || before.name !== fact.name))
    return require(inquiry, caller, 'fs', 'to name something at the top')
  // What is put into a folder is seen by all who hold something of it: that takes the strongest right on the folder.
  if (fact.parent === undefined || fact.parent === before.parent) return
  const strongest = inquiry.index.namespaces.get(namespaceOf(fact.parent))?.modes?.at(-1)
  require(inquiry, caller, strongest === undefined
    ? fact.parent
    : `${fact.parent}:${strongest}`, 'to put something there')
}

function authorizeSuspension(inquiry: Inquiry, caller: Caller, of: string): void {
  if (of.startsWith('token:') && isOwnToken(inquiry, caller, of.slice('token:'.length))) return
  require(inquiry, caller, of.startsWith('app:')
    ? 'castellan:apps'
    : 'castellan:users', 'to suspend or resume')
}

/** A token's issuer has a say over it; a scoped token of that issuer has none, over itself or others. */
function isOwnToken(inquiry: Inquiry, caller: Caller, id: string): boolean {
  if (caller.principal === undefined || (caller.isToken && !caller.isFree)) return false
  return inquiry.index.token(id)?.issuer === caller.principal
}

function authorizeRemove(inquiry: Inquiry, caller: Caller, key: FactKey): void {
  switch (key.kind) {
    case 'grant':
      return authorizeRevoke(inquiry, caller, key)
    case 'group':
      return require(inquiry, caller, `manage:group:${key.id}`, 'to delete the group')
    case 'member':
      return authorizeLeave(inquiry, caller, key)
    case 'token': {
      const isOwn = caller.actor === `token:${key.id}` || isOwnToken(inquiry, caller, key.id)
      if (!isOwn) throw forbidden('to remove the token', 'castellan:facts')
      return
    }
    case 'resource':
      return requireOver(inquiry, caller, key.permission)
    case 'suspension':
      return authorizeSuspension(inquiry, caller, key.of)
    default:
      throw forbidden(`to remove facts of kind \`${key.kind}\``, 'castellan:facts')
  }
}

function authorizeRevoke(
  inquiry: Inquiry,
  caller: Caller,
  key: Pick<GrantFact, 'issuer' | 'holder' | 'permission'>,
): void {
  const actsAs = caller.isFree || !caller.isToken ? caller.principal : undefined
  const isParty = key.issuer === actsAs || key.holder === actsAs || key.holder === caller.actor
  if (!isParty) require(inquiry, caller, `manage:${key.permission}`, 'to revoke what others granted')
}

function authorizeLeave(inquiry: Inquiry, caller: Caller, key: Pick<MemberFact, 'group' | 'member'>): void {
  const leaves = caller.isFree && key.member === caller.principal
  if (!leaves) require(inquiry, caller, `manage:group:${key.group}`, 'to remove members')
}

/** Owners hold `manage:` of what they own. */
function requireOver(inquiry: Inquiry, caller: Caller, resource: string): void {
  require(inquiry, caller, `manage:${resource}`, 'to change the resource')
}

function require(inquiry: Inquiry, caller: Caller, permission: string, purpose: string): void {
  if (!inquiry.holds(caller.actor, permission)) throw forbidden(purpose, permission)
}

function forbidden(purpose: string, permission: string): ForbiddenError {
  return new ForbiddenError(`you may not do this: \`${permission}\` is needed ${purpose}`, permission)
}

// ---- asking

/** Throws unless the caller may ask about this actor: itself, its apps, its tokens, or anyone with `castellan:check`. */
export function authorizeAbout(inquiry: Inquiry, callerText: string, about: string): void {
  if (callerText === 'system' || callerText === about) return
  const caller = callerOf(inquiry, callerText)
  if (isOnesOwn(inquiry, caller, about) || inquiry.holds(caller.actor, 'castellan:check')) return
  throw forbidden('to ask about others', 'castellan:check')
}

/** A scoped token is no more than itself: it may not look around in its issuer's house. */
function isScoped({ isToken, isFree }: Caller): boolean {
  return isToken && !isFree
}

function isOnesOwn(inquiry: Inquiry, caller: Caller, about: string): boolean {
  if (caller.principal === undefined || isScoped(caller)) return false
  const { principal } = caller
  if (about === principal || about.startsWith(`${principal}/`)) return true
  const row = inquiry.index.findExisting(about)
  if (row === NONE || (!about.startsWith('token:') && !about.startsWith('app:'))) return false
  const base = inquiry.index.partyText[inquiry.index.base.get(row)]!
  return base === principal || base.startsWith(`${principal}/`)
}

/** Throws unless the caller holds `manage:` of the (canonical) permission. */
export function authorizeHolders(inquiry: Inquiry, callerText: string, permission: string): void {
  if (callerText === 'system') return
  require(inquiry, callerOf(inquiry, callerText), `manage:${permission}`, 'to see who holds a permission')
}

/** A preview shows what a change does to others: it takes `manage:` of what it names, or what the change itself takes. */
export function authorizePreview(inquiry: Inquiry, callerText: string, change: Change): void {
  if (callerText === 'system') return
  const key = 'add' in change ? factKey(change.add) : change.remove
  if (key.kind === 'grant' || key.kind === 'resource') authorizeHolders(inquiry, callerText, key.permission)
  else authorizeChange(inquiry, callerText, change)
}

/**
 * Throws unless the caller may know whether this fact is there: what it is a party to, what it manages, what it may
 * see. That a user, a group, an app or a namespace exists is no secret: errors name those that do not.
 */
export function authorizeLook(inquiry: Inquiry, callerText: string, key: FactKey): void {
  if (callerText === 'system') return
  const caller = callerOf(inquiry, callerText)
  const holds = (permission: string): boolean => inquiry.holds(caller.actor, permission)
  if (!mayLook(inquiry, caller, key) && !holds('castellan:facts') && !holds('castellan:check'))
    throw forbidden(`to make a ${key.kind} a precondition`, 'castellan:check')
}

function mayLook(inquiry: Inquiry, caller: Caller, key: FactKey): boolean {
  const holds = (permission: string): boolean => inquiry.holds(caller.actor, permission)
  switch (key.kind) {
    case 'grant':
      return (
        isOwn(inquiry, caller, key.issuer) ||
        isOwn(inquiry, caller, key.holder) ||
        holds(`manage:${key.permission}`)
      )
    case 'member':
      return isOwn(inquiry, caller, key.member) || holds(`manage:group:${key.group}`)
    case 'token':
      return isOwn(inquiry, caller, `token:${key.id}`)
    case 'suspension':
      return (
        isOwn(inquiry, caller, key.of) ||
        holds(key.of.startsWith('app:') ? 'castellan:apps' : 'castellan:users')
      )
    case 'resource': {
      const weakest = inquiry.index.namespaces.get(namespaceOf(key.permission))?.modes?.[0]
      const seeing = weakest === undefined ? key.permission : `${key.permission}:${weakest}`
      return holds(seeing) || holds(`manage:${key.permission}`)
    }
    default:
      return true
  }
}

function isOwn(inquiry: Inquiry, caller: Caller, party: string): boolean {
  return party === caller.actor || isOnesOwn(inquiry, caller, party)
}

/** What lets one read all facts of a kind, besides stating facts and asking about anyone. */
const READS_ALL: Readonly<Partial<Record<FactKind, string>>> = {
  user: 'castellan:users',
  token: 'castellan:users',
  app: 'castellan:apps',
  grant: 'castellan:grants',
  group: 'manage:group',
  member: 'manage:group',
}

/** Throws unless the caller may read every fact of a kind. What is declared is for all to know. */
export function authorizeReadAll(inquiry: Inquiry, callerText: string, kind: FactKind): void {
  if (callerText === 'system' || kind === 'namespace') return
  const { actor } = callerOf(inquiry, callerText)
  const own = READS_ALL[kind]
  const enough = ['castellan:facts', 'castellan:check', ...(own === undefined ? [] : [own])]
  if (!enough.some((permission) => inquiry.holds(actor, permission)))
    throw forbidden(`to read every ${kind}`, own ?? 'castellan:facts')
}

/**
 * Throws unless the caller may read this fact: what it is or owns, what it is in, what it may see or manage. What
 * someone may change they may read.
 */
export function authorizeRead(inquiry: Inquiry, callerText: string, key: FactKey): void {
  if (callerText === 'system') return
  if (!mayReadOwn(inquiry, callerOf(inquiry, callerText), key))
    authorizeReadAll(inquiry, callerText, key.kind)
}

function mayReadOwn(inquiry: Inquiry, caller: Caller, key: FactKey): boolean {
  const { principal } = caller
  switch (key.kind) {
    case 'user':
    case 'app':
      return isOwn(inquiry, caller, `${key.kind}:${key.id}`)
    case 'group': {
      const user =
        principal?.startsWith('user:') === true && !isScoped(caller) ? principal.slice(5) : undefined
      const isIn = user !== undefined && inquiry.index.isMember(user, key.id)
      return isIn || inquiry.holds(caller.actor, `manage:group:${key.id}`)
    }
    default:
      return mayLook(inquiry, caller, key)
  }
}

export function authorizeJournal(inquiry: Inquiry, callerText: string): void {
  if (callerText === 'system') return
  require(inquiry, callerOf(inquiry, callerText), 'castellan:journal', 'to read the journal')
}
