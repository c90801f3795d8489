import { setTimeout as sleep } from 'node:timers/promises'
import {
  ForbiddenError,
  isAtOrBeneath,
  type Asking,
  type AuthorizedQuestion,
  type Change,
  type ChangeOptions,
  type Engine,
  type Fact,
  type FactKind,
  type GrantFact,
  type GroupFact,
  type JournalEntry,
  type MemberFact,
  type Paging,
  type Question,
  type ResourceFact,
  type RuleEntry,
  type TokenFact,
  type UserFact,
} from '@castellan/engine'
import type { Questions, Verification } from '@castellan/store'
import { codeOf, CommandError } from '../exit.ts'
import { inOrder, parentsFirst } from './order.ts'
import {
  BatchError,
  type Changed,
  type ChangeWish,
  type GrantFilter,
  type NewToken,
  type Suspendable,
  type Target,
  type TokenWish,
} from './target.ts'

/** What a direct target stands on: an engine, and behind it a database, a snapshot of one, or nothing. */
export interface Ground {
  readonly place: string
  readonly engine: Questions
  /** Absent where a change could not be kept. */
  readonly change?: (changes: readonly Change[], options: ChangeOptions) => Promise<Changed>
  /** Absent where there is no database. */
  readonly database?: GroundDatabase
  /** The same facts once more, to try on which of many changes was refused. */
  scratch?(): Engine
  close(): void | Promise<void>
}

export interface GroundDatabase {
  readonly path: string
  journal(from: number, to?: number): Iterable<JournalEntry>
  verify(head: string | undefined): Verification
  /** Every fact, by kind and then by key, as they come from the disk. */
  facts(): Iterable<Fact>
  /** Replaces what is there: whoever calls has asked. */
  backup(file: string): Promise<{ readonly revision: number; readonly head: string }>
  /** Entries after a revision as they are now, whoever wrote them. */
  fresh(from: number): readonly JournalEntry[]
  readonly createToken?: (
    wish: TokenWish & { readonly issuer: string },
    options: ChangeOptions,
  ) => Promise<NewToken>
}

/** How often a database is looked at for what others wrote, in milliseconds. */
const WATCH_EVERY_MS = 200

/** The operator is `system`, unless `--as` names a user: then everything is asked and done with that user's authority. */
export class DirectTarget implements Target {
  readonly place: string
  readonly #ground: Ground
  readonly #engine: Questions
  readonly #as: string | undefined

  constructor(ground: Ground, as: string | undefined) {
    this.place = ground.place
    this.#ground = ground
    this.#engine = ground.engine
    this.#as = as
  }

  async whoAmI(): Promise<string> {
    return this.#as ?? 'system'
  }

  async revision(): Promise<number> {
    return this.#engine.revision
  }

  async check(actor: string, permissions: readonly string[]): ReturnType<Target['check']> {
    this.#authorize({ about: 'actor', actor })
    return {
      allowed: this.#engine.check(actor, permissions, this.#asking()),
      revision: this.#engine.revision,
    }
  }

  async checkEach(questions: readonly Question[]): ReturnType<Target['checkEach']> {
    for (const { actor } of questions) this.#authorize({ about: 'actor', actor })
    const answers = this.#engine.checkEach(questions, this.#asking())
    return { results: answers.map((allowed) => ({ allowed })), revision: this.#engine.revision }
  }

  async scan(actor: string, permissions: readonly string[]): ReturnType<Target['scan']> {
    this.#authorize({ about: 'actor', actor })
    return { reading: this.#engine.scan(actor, permissions, this.#asking()), revision: this.#engine.revision }
  }

  async explain(actor: string, permission: string): ReturnType<Target['explain']> {
    this.#authorize({ about: 'actor', actor })
    return this.#engine.explain(actor, permission, this.#asking())
  }

  async claims(actor: string, permission: string): ReturnType<Target['claims']> {
    this.#authorize({ about: 'actor', actor })
    return this.#engine.claims(actor, permission, this.#asking())
  }

  async holders(permission: string, paging: Paging): ReturnType<Target['holders']> {
    this.#authorize({ about: 'holders', permission })
    return this.#engine.holders(permission, { ...this.#asking(), ...paging })
  }

  async permissionsOf(
    actor: string,
    prefix: string | undefined,
    paging: Paging,
  ): ReturnType<Target['permissionsOf']> {
    this.#authorize({ about: 'actor', actor })
    return this.#engine.permissionsOf(actor, prefix, { ...this.#asking(), ...paging })
  }

  async preview(changes: readonly Change[], paging: Paging): ReturnType<Target['preview']> {
    this.#authorize({ about: 'preview', changes })
    return this.#engine.preview(changes, { ...this.#asking(), ...paging, ...this.#acting() })
  }

  async change(changes: readonly Change[], wish: ChangeWish): Promise<Changed> {
    return this.#changer()(changes, { ...this.#acting(), ...wish })
  }

  async importBatch(facts: readonly Fact[], reason: string | undefined): Promise<Changed> {
    const options: ChangeOptions = {
      ...this.#acting(),
      changesMax: facts.length,
      ...(reason === undefined ? {} : { reason }),
    }
    const changes = facts.map((fact) => ({ add: fact }))
    try {
      return await this.#changer()(changes, options)
    } catch (error) {
      throw this.#blame(changes, options, error)
    }
  }

  async findGroup(id: string): Promise<GroupFact | undefined> {
    return this.#engine.fact({ kind: 'group', id }) as GroupFact | undefined
  }

  async findResource(permission: string): Promise<ResourceFact | undefined> {
    return this.#engine.fact({ kind: 'resource', permission }, this.#asking()) as ResourceFact | undefined
  }

  async *facts(): AsyncGenerator<Fact> {
    this.#authorizeFacts()
    const stored = this.#ground.database?.facts()
    if (stored === undefined) yield* inOrder(this.#engine.facts())
    else yield* parentsFirst(stored)
  }

  async *users(): AsyncGenerator<UserFact & Suspendable> {
    for (const user of this.#all<UserFact>('user'))
      yield { ...user, suspended: this.#isSuspended(`user:${user.id}`) }
  }

  async *groups(): AsyncGenerator<GroupFact> {
    yield* this.#all<GroupFact>('group')
  }

  async *members(group: string | undefined): AsyncGenerator<MemberFact> {
    for (const member of this.#all<MemberFact>('member'))
      if (group === undefined || member.group === group) yield member
  }

  async *tokens(): AsyncGenerator<TokenFact & Suspendable> {
    for (const token of this.#all<TokenFact>('token'))
      yield { ...token, suspended: this.#isSuspended(`token:${token.id}`) }
  }

  async *resources(prefix: string | undefined): AsyncGenerator<ResourceFact> {
    for (const resource of this.#all<ResourceFact>('resource'))
      if (prefix === undefined || isAtOrBeneath(resource.permission, prefix)) yield resource
  }

  async *grants(filter: GrantFilter): AsyncGenerator<GrantFact> {
    this.#authorizeGrants(filter)
    yield* this.#engine.grantsWhere(filter)
  }

  async rules(): Promise<readonly RuleEntry[]> {
    return this.#engine.rules()
  }

  async createToken(wish: TokenWish): Promise<NewToken> {
    const create = this.#ground.database?.createToken
    if (create === undefined) throw unkept()
    return create({ ...wish, issuer: wish.issuer ?? this.#as ?? 'system' }, this.#acting())
  }

  async *journal(from: number, to?: number): AsyncGenerator<JournalEntry> {
    this.#authorize({ about: 'journal' })
    yield* this.#database().journal(from, to)
  }

  async verifyJournal(head: string | undefined): Promise<Verification> {
    this.#authorize({ about: 'journal' })
    return this.#database().verify(head)
  }

  async *watch(from: number | undefined, signal: AbortSignal): AsyncGenerator<JournalEntry> {
    this.#authorize({ about: 'journal' })
    const database = this.#database()
    let seen = from ?? this.#engine.revision
    while (!signal.aborted) {
      for (const entry of database.fresh(seen)) {
        seen = entry.revision
        yield entry
      }
      await sleep(WATCH_EVERY_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  async backup(file: string): ReturnType<Target['backup']> {
    this.#authorizeFacts()
    return this.#database().backup(file)
  }

  async close(): Promise<void> {
    await this.#ground.close()
  }

  #asking(): Asking {
    return this.#as === undefined ? {} : { viewer: this.#as }
  }

  #acting(): ChangeOptions {
    return this.#as === undefined ? {} : { actor: this.#as, as: this.#as }
  }

  #authorize(question: AuthorizedQuestion): void {
    if (this.#as !== undefined) this.#engine.authorizeQuestion(this.#as, question)
  }

  #all<Kind extends Fact>(kind: FactKind & Kind['kind']): Iterable<Kind> {
    this.#authorize({ about: 'facts', kind })
    return inOrder(this.#engine.facts(kind)) as Iterable<Kind>
  }

  #isSuspended(of: string): boolean {
    return this.#engine.fact({ kind: 'suspension', of }) !== undefined
  }

  /** All facts at once are for who may state them. */
  #authorizeFacts(): void {
    if (this.#as !== undefined && !this.#engine.check(this.#as, 'castellan:facts')) {
      throw new ForbiddenError(`${this.#as} may not list facts`, 'castellan:facts')
    }
  }

  /** The grants of which one is a party, those of what one manages, or all of them. */
  #authorizeGrants({ issuer, holder, permission }: GrantFilter): void {
    if (this.#as === undefined || issuer === this.#as || holder === this.#as) return
    if (this.#engine.check(this.#as, 'castellan:grants')) return
    if (permission === undefined)
      throw new ForbiddenError(`${this.#as} may not list the grants of others`, 'castellan:grants')
    this.#engine.authorizeQuestion(this.#as, { about: 'holders', permission })
  }

  #changer(): NonNullable<Ground['change']> {
    const { change } = this.#ground
    if (change === undefined) throw unkept()
    return change
  }

  #database(): GroundDatabase {
    const { database } = this.#ground
    if (database === undefined) {
      throw new CommandError(
        'USAGE',
        `${this.place} is held in memory and has no journal`,
        'use a database: `--store sqlite:file.db`, or `--dir`',
      )
    }
    return database
  }

  /** Which fact of a batch was refused: the shortest beginning that is refused ends with it. */
  #blame(changes: readonly Change[], options: ChangeOptions, error: unknown): unknown {
    const engine = this.#ground.scratch?.()
    if (
      engine === undefined ||
      !(error instanceof Error) ||
      !('hint' in error) ||
      codeOf(error)?.startsWith('STORE_') === true
    )
      return error
    let [kept, refused] = [0, changes.length]
    let reason: Error = error
    while (refused - kept > 1) {
      const middle = (kept + refused) >> 1
      try {
        engine.stage(changes.slice(0, middle), options).undo()
        kept = middle
      } catch (problem) {
        refused = middle
        if (problem instanceof Error) reason = problem
      }
    }
    return new BatchError(refused - 1, reason)
  }
}

function unkept(): CommandError {
  return new CommandError(
    'USAGE',
    'a change to facts held in memory would be lost',
    'see what it would do with `castellan preview`, or import them: `castellan import <file> --store sqlite:file.db`',
  )
}
