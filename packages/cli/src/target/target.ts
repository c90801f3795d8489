import type {
  Change,
  ChangeResult,
  Claims,
  Explanation,
  Fact,
  GrantFact,
  GroupFact,
  HeldPermission,
  Holder,
  JournalEntry,
  MemberFact,
  Page,
  Paging,
  Preconditions,
  Preview,
  Question,
  Reading,
  ResourceFact,
  RuleEntry,
  TokenFact,
  UserFact,
} from '@castellan/engine'
import type { Verification } from '@castellan/store'

/**
 * What commands work on, near or far: a server over HTTP, or the facts themselves. Answers have the shapes of the
 * HTTP interface, so machine output is the same from both.
 */
export interface Target {
  /** Where the facts are, for people. */
  readonly place: string

  /** Who acts: the one of `--as`, else `system` or whoever the token is for. */
  whoAmI(): Promise<string>

  check(
    actor: string,
    permissions: readonly string[],
  ): Promise<{ readonly allowed: boolean; readonly revision: number }>
  checkEach(
    questions: readonly Question[],
  ): Promise<{ readonly results: readonly { readonly allowed: boolean }[]; readonly revision: number }>
  scan(
    actor: string,
    permissions: readonly string[],
  ): Promise<{ readonly reading: Reading; readonly revision: number }>
  explain(actor: string, permission: string): Promise<Explanation>
  claims(actor: string, permission: string): Promise<Claims>
  holders(permission: string, paging: Paging): Promise<Page<Holder>>
  permissionsOf(actor: string, prefix: string | undefined, paging: Paging): Promise<Page<HeldPermission>>
  preview(changes: readonly Change[], paging: Paging): Promise<Preview>

  change(changes: readonly Change[], options: ChangeWish): Promise<Changed>
  /** One commit of a bulk import, which may be larger than a change. */
  importBatch(facts: readonly Fact[], reason: string | undefined): Promise<Changed>

  findGroup(id: string): Promise<GroupFact | undefined>
  findResource(permission: string): Promise<ResourceFact | undefined>

  /** All of one moment, in the order of `FACT_KINDS`, parents first; built-in facts are left out, here and below. */
  facts(): AsyncIterable<Fact>
  // Lists are ordered, and hold what whoever acts may see.
  users(): AsyncIterable<UserFact & Suspendable>
  groups(): AsyncIterable<GroupFact>
  /** @param group - default: of every group */
  members(group?: string): AsyncIterable<MemberFact>
  tokens(): AsyncIterable<TokenFact & Suspendable>
  /** @param prefix - only what lies at or beneath it */
  resources(prefix?: string): AsyncIterable<ResourceFact>
  grants(filter: GrantFilter): AsyncIterable<GrantFact>
  rules(): Promise<readonly RuleEntry[]>

  createToken(wish: TokenWish): Promise<NewToken>

  journal(from: number, to?: number): AsyncIterable<JournalEntry>
  /** @param head - the hash the last entry must have, kept elsewhere */
  verifyJournal(head: string | undefined): Promise<Verification>
  /** Every change after `from`, in order, as it happens, until the signal. */
  watch(from: number | undefined, signal: AbortSignal): AsyncIterable<JournalEntry>
  revision(): Promise<number>

  /** A consistent copy, made while others go on. */
  backup(file: string): Promise<{ readonly revision: number; readonly head: string }>

  close(): Promise<void>
}

export interface Suspendable {
  readonly suspended: boolean
}

export interface ChangeWish {
  readonly reason?: string
  readonly preconditions?: Preconditions
  readonly onDependants?: 'allow' | 'refuse'
}

export interface Changed {
  readonly revision: number
  readonly results: readonly ChangeResult[]
}

export interface GrantFilter {
  readonly issuer?: string
  readonly holder?: string
  readonly permission?: string
}

export interface TokenWish {
  readonly issuer?: string
  readonly full: boolean
  readonly permissions: readonly string[]
  readonly expiresAt?: string
}

export interface NewToken {
  readonly id: string
  readonly issuer: string
  /** Shown once; only its hash is kept. */
  readonly secret: string
  readonly revision: number
}

/** One fact of a batch was refused, so nothing of what was to be one commit was kept. */
export class BatchError extends Error {
  /** Which, from 0; or the first that it may be. */
  readonly index: number
  /** The last that it may be. */
  readonly last: number
  override readonly cause: Error

  constructor(index: number, cause: Error, last = index) {
    super(cause.message)
    this.index = index
    this.last = last
    this.cause = cause
  }

  override get name(): string {
    return 'BatchError'
  }
}
