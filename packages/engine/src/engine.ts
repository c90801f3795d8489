import { parseActor } from './actor.ts'
import type {
  Asking,
  BrokenLink,
  Claims,
  Explanation,
  HeldPermission,
  Holder,
  Page,
  Paging,
  Preview,
  PreviewItem,
  Question,
  Reading,
} from './answer.ts'
import {
  authorizeAbout,
  authorizeChange,
  authorizeHolders,
  authorizeJournal,
  authorizeLook,
  authorizePreview,
  authorizeRead,
  authorizeReadAll,
} from './authority.ts'
import type { Change, ChangeResult, Commit, Preconditions } from './change.ts'
import { type ActorKind, holderCandidates, resourceCandidates, rightCandidates } from './candidates.ts'
import { FastCheck } from './check.ts'
import { claimsOf } from './claims.ts'
import { NONE } from './columns.ts'
import { pageOf } from './cursor.ts'
import {
  DependantsError,
  FactInvalidError,
  invariant,
  LimitExceededError,
  PreconditionFailedError,
  RevisionAheadError,
} from './errors.ts'
import { explain } from './explain.ts'
import {
  type Fact,
  type FactKey,
  type FactKind,
  type GrantFact,
  type GroupFact,
  keyParts,
  type NamespaceFact,
  type ResourceFact,
  type TokenFact,
} from './fact.ts'
import { FactsIndex } from './facts-index.ts'
import { KIND_GROUP, KIND_TOKEN, KIND_USER, KIND_USER_APP, SYSTEM } from './parties.ts'
import { findHolders, holderOf } from './holders.ts'
import { Inquiry } from './inquiry.ts'
import { LIMITS } from './limits.ts'
import { firstInOrder } from './order.ts'
import { factKey, parseFactKey, parseText } from './parse-fact.ts'
import { decodeComponent } from './permission.ts'
import { findPermissions } from './permissions-of.ts'
import { Plan } from './plan.ts'
import { compareWorlds } from './preview.ts'
import { circleOf, redactExplanation } from './redact.ts'
import type { Rule } from './rule.ts'
import { RuleBook, type RuleEntry } from './rule-book.ts'
import { scan } from './scan.ts'

export interface EngineOptions {
  /** Facts to begin with, in an order in which each comes after what it names. */
  readonly facts?: Iterable<Fact>
  /** True when a store hands back what an engine planned: in any order, and not checked again. */
  readonly verified?: boolean
  /** Ids that were removed and are never made again. */
  readonly retired?: Iterable<FactKey>
  /** The revision of those facts. Default 0. */
  readonly revision?: number
  /** Rules of one's own, after the built-in ones. */
  readonly rules?: readonly Rule[]
  /** Namespaces declared besides the built-in ones. */
  readonly catalog?: Catalog
  /** Milliseconds since 1970, UTC. Default `Date.now`. */
  readonly now?: () => number
}

/** Declarations in a list, or by name as in a world file. */
export type Catalog =
  | readonly Omit<NamespaceFact, 'kind'>[]
  | Readonly<Record<string, Omit<NamespaceFact, 'kind' | 'name'>>>

export interface ChangeOptions {
  /** Who the journal names. Default: `as`. */
  readonly actor?: string
  /** Whose authority the changes need. Default `system`, who may do anything. */
  readonly as?: string
  /** Why, for the journal. */
  readonly reason?: string
  readonly preconditions?: Preconditions
  /** `refuse`: fails with DEPENDANTS when anyone but the holders of the revoked grants would lose something. Default `allow`. */
  readonly onDependants?: 'allow' | 'refuse'
  readonly now?: number
  /** Changes at most. Default 1,000; an import takes more at a time. */
  readonly changesMax?: number
  /** When a fact was last changed, for `ifRevision`. Default: what this engine has seen. */
  readonly changedAt?: (key: FactKey) => number
}

export interface Staged {
  /** What a store must keep; null when nothing changed. */
  readonly commit: Commit | null
  readonly results: readonly ChangeResult[]
  readonly revision: number
  /** Puts everything back. Only the last thing staged can be undone. */
  undo(): void
  /** Does again what was undone, before anything else is staged. */
  redo(): void
}

/**
 * The decision engine: pure, synchronous, in memory. Every answer depends on the facts, `now` and `context` alone.
 *
 * @example
 * const engine = openEngine({ catalog: [{ name: 'a', description: 'demo' }] })
 * engine.apply([{ add: { kind: 'user', id: 'alice' } }])
 * engine.check('user:alice', 'user:alice') // true
 */
export function openEngine(options: EngineOptions = {}): Engine {
  return new Engine(options)
}

export class Engine {
  private readonly index = new FactsIndex()
  private readonly rulebook: RuleBook
  private readonly clock: () => number
  private readonly fast: FastCheck
  private readonly changed = new Map<string, number>()
  private current = 0

  constructor(options: EngineOptions) {
    this.rulebook = new RuleBook(options.rules ?? [])
    // oxlint-disable-next-line no-restricted-properties -- the default of an argument, named in its docstring
    this.clock = options.now ?? Date.now
    const touched = this.rulebook
    const leftOut = new Map<string, boolean>(GENERAL_NAMESPACES.map((name) => [name, true]))
    this.fast = new FastCheck(this.index, (name) => {
      let isOut = leftOut.get(name)
      if (isOut === undefined) {
        // Anything may be asked: only what is declared is remembered, or whoever asks could fill the memory.
        if (!this.index.namespaces.has(name)) return true
        leftOut.set(name, (isOut = touched.touches(name)))
      }
      return isOut
    })
    for (const namespace of namespacesOf(options.catalog ?? []))
      this.state({ kind: 'namespace', ...namespace })
    if (options.verified === true) this.index.load(options.facts ?? [])
    else {
      for (const fact of options.facts ?? []) this.state(fact)
      this.index.pack()
    }
    for (const key of options.retired ?? []) this.index.retired.get(key.kind)!.add(keyParts(key)[0])
    this.current = options.revision ?? 0
  }

  private state(fact: Fact): void {
    const plan = new Plan(this.index, () => this.inquiry({}))
    plan.apply(plan.resolve({ add: fact }))
  }

  /** The last commit every answer from now on has seen. */
  get revision(): number {
    return this.current
  }

  // ---- questions

  /**
   * Does the actor hold any of the permissions. An empty list is false.
   *
   * @throws {ActorInvalidError | PermissionInvalidError | PermissionUnknownError} on malformed input, wherever in the list it stands
   */
  check(actor: string, permissions: string | readonly string[], asking: Asking = NO_OPTIONS): boolean {
    if (asking.atLeast !== undefined) this.requireRevision(asking.atLeast)
    const clock = this.clockOf(asking)
    if (typeof permissions === 'string') return this.checkOne(actor, permissions, asking, clock)
    this.requireCount(permissions)
    parseActor(actor)
    let allowed = false
    for (const permission of permissions) {
      if (allowed) this.inquiry(asking).canonical(permission)
      else allowed = this.checkOne(actor, permission, asking, clock)
    }
    return allowed
  }

  private clockOf({ now }: Asking): () => number {
    if (now === undefined) return this.clock
    requireInstant(now)
    return () => now
  }

  private checkOne(actor: string, permission: string, asking: Asking, clock: () => number): boolean {
    return this.fast.check(actor, permission, clock) ?? checkGeneral(this.inquiry(asking), actor, permission)
  }

  /** One answer for each question, none influencing another. */
  checkEach(questions: readonly Question[], asking: Asking = NO_OPTIONS): boolean[] {
    this.requireCount(questions)
    if (asking.atLeast !== undefined) this.requireRevision(asking.atLeast)
    // One instant for all of them, and one inquiry for those that the fast walk leaves.
    const now = asking.now ?? this.clock()
    const clock = this.clockOf({ now })
    let inquiry: Inquiry | undefined
    return questions.map(
      ({ actor, permission }) =>
        this.fast.check(actor, permission, clock) ??
        checkGeneral((inquiry ??= this.inquiry({ ...asking, now })), actor, permission),
    )
  }

  /** The reading: all live pathways, as a JSON tree. */
  scan(actor: string, permissions: string | readonly string[], asking?: Asking): Reading {
    const list = typeof permissions === 'string' ? [permissions] : permissions
    this.requireCount(list)
    return scan(this.inquiry(asking), actor, list, stopwatch)
  }

  /** Why, or why not and what would mend it. */
  explain(actor: string, permission: string, asking?: Asking): Explanation {
    const inquiry = this.inquiry(asking)
    const found = explain(inquiry, actor, permission)
    const explanation =
      found.brokenLinks === undefined
        ? found
        : {
            ...found,
            brokenLinks: this.withoutNeedless(
              actor,
              inquiry.canonical(permission),
              found.brokenLinks,
              inquiry.now,
            ),
          }
    const circle = circleOf(inquiry)
    return {
      ...(circle === undefined ? explanation : redactExplanation(explanation, circle)),
      revision: this.current,
    }
  }

  /**
   * One fact may close two gaps of a pathway, or a shorter one beside it: so each set is tried out, and what it can
   * do without is dropped. Only the smallest sets stay.
   */
  private withoutNeedless(
    actor: string,
    permission: string,
    sets: readonly (readonly BrokenLink[])[],
    now: number,
  ): BrokenLink[][] {
    const smaller = sets.map((set) => {
      let kept = [...set]
      for (const link of set) {
        const rest = kept.filter((other) => other !== link)
        if (rest.length > 0 && this.wouldMend(actor, permission, rest, now)) kept = rest
      }
      return kept
    })
    const least = Math.min(...smaller.map(({ length }) => length))
    const once = new Map(
      smaller.filter(({ length }) => length === least).map((set) => [JSON.stringify(set), set]),
    )
    return [...once.values()]
  }

  private wouldMend(actor: string, permission: string, links: readonly BrokenLink[], now: number): boolean {
    const plan = new Plan(this.index, () => this.inquiry({ now }))
    try {
      for (const { mend } of links) {
        if (mend === null) return false
        plan.apply(plan.resolve(mend))
      }
      return this.inquiry({ now }).holds(actor, permission)
    } finally {
      plan.undo()
    }
  }

  /** For each pathway every `extra` from the actor to the option; for what enforces limits. */
  claims(actor: string, permission: string, asking?: Asking): Claims {
    const asker = this.inquiry(asking)
    // Limits must be known in full to be enforced: nothing is hidden, but paths resolve as the viewer sees them.
    const canonical = [asker.canonical(permission)]
    const inquiry = this.inquiry({ ...asking, viewer: 'system' })
    const reading = scan(inquiry, actor, canonical, stopwatch, canonical)
    return { ...claimsOf(reading), revision: this.current }
  }

  /** Everyone who holds a permission, each with one pathway; ordered by party string, `system` left out. */
  holders(permission: string, asking: Asking & Paging = {}): Page<Holder> {
    const inquiry = this.inquiry(asking)
    const canonical = inquiry.canonical(permission)
    const { holders, incomplete } = findHolders(inquiry, canonical)
    const page = pageOf(['holders', canonical], holders.values(), ['actor'], asking)
    return {
      items: page.items.map(holderOf),
      nextCursor: page.nextCursor,
      revision: this.current,
      incomplete,
    }
  }

  /** The strings that cover all an actor holds, beneath a prefix or covering it; ordered. */
  permissionsOf(actor: string, prefix?: string, asking: Asking & Paging = {}): Page<HeldPermission> {
    const inquiry = this.inquiry(asking)
    const canonical = prefix === undefined ? undefined : inquiry.canonical(prefix)
    const { items, incomplete } = findPermissions(inquiry, actor, canonical)
    const page = pageOf(['permissionsOf', actor, canonical ?? null], items, ['permission'], asking)
    return { ...page, revision: this.current, incomplete }
  }

  /**
   * Where to look for what is sought: all of it, once each and in any order, and perhaps more. `check` says of each
   * whether it is found; where registered rules have a say, each can be asked with a context of its own.
   *
   * @returns party strings of holders, else decoded components; not to be read across changes
   * @throws {ActorInvalidError | PermissionInvalidError | PermissionUnknownError} on malformed input
   */
  candidates(sought: Sought, asking?: Asking): Iterable<string> {
    const inquiry = this.inquiry(asking)
    switch (sought.for) {
      case 'holders':
        return holderCandidates(inquiry, sought.kind, sought.permission, inquiry.canonical(sought.permission))
      case 'resources':
        return decodeAll(
          resourceCandidates(inquiry, sought.actor, inquiry.canonical(sought.namespace), sought.right),
        )
      case 'rights':
        return decodeAll(rightCandidates(inquiry, sought.actor, inquiry.canonical(sought.resource)))
    }
  }

  /**
   * Who would lose and who would gain what, and who keeps it by another path, if these changes were made. Nothing
   * is changed.
   */
  preview(changes: readonly Change[], asking: Asking & Paging & Pick<ChangeOptions, 'as'> = {}): Preview {
    this.requireAsking(asking)
    const now = asking.now ?? this.clock()
    const staged = this.planAll(changes, { now, ...(asking.as !== undefined && { as: asking.as }) })
    // Undone before anything else can look: this is one synchronous call.
    return this.compareAround(staged.plan, staged.wishes, { ...asking, now }, (items) => {
      const counts = { lost: 0, gained: 0, kept: 0 }
      for (const { change } of items) counts[change]++
      const page = pageOf(['preview', changes], items, ['permission', 'actor'], asking)
      const incomplete = !this.rulebook.canList()
      return { ...page, counts, results: staged.results, revision: this.current, incomplete }
    })
  }

  /** Takes back a plan, having compared the world before it with the one after it. */
  private compareAround<Told>(
    plan: Plan,
    wishes: readonly Change[],
    asking: Asking & { readonly now: number } & Pick<ChangeOptions, 'as'>,
    tell: (items: readonly PreviewItem[]) => Told,
  ): Told {
    const { index, fast } = this
    const max = (asking.as ?? 'system') === 'system' ? Infinity : LIMITS.previewMax
    const inquire = (): Inquiry => this.inquiry(asking)
    return compareWorlds(plan, { index, fast, inquire, alsoNamed: namedBy(wishes), max }, tell)
  }

  // ---- who may ask

  /**
   * Throws unless the caller may ask: `actor` about an actor, `holders` of a permission, `preview` of changes, the
   * `journal`, `fact` for one fact, there or not, `facts` for all of a kind.
   *
   * @throws {ForbiddenError}
   */
  authorizeQuestion(caller: string, question: AuthorizedQuestion, asking?: Pick<Asking, 'now'>): void {
    const inquiry = this.inquiry({ ...asking, viewer: caller })
    switch (question.about) {
      case 'actor':
        return authorizeAbout(inquiry, caller, question.actor)
      case 'holders':
        return authorizeHolders(inquiry, caller, inquiry.canonical(question.permission))
      case 'preview': {
        const plan = new Plan(this.index, () => inquiry)
        for (const change of question.changes) authorizePreview(inquiry, caller, plan.resolve(change))
        return
      }
      case 'journal':
        return authorizeJournal(inquiry, caller)
      case 'fact':
        return authorizeRead(inquiry, caller, canonicalKey(inquiry, question.key))
      case 'facts':
        return authorizeReadAll(inquiry, caller, question.kind)
    }
  }

  // ---- changes

  /** Changes the facts in memory, all of them or none. @throws {CastellanError} */
  apply(
    changes: readonly Change[],
    options: ChangeOptions = {},
  ): { readonly revision: number; readonly results: readonly ChangeResult[] } {
    const { results, revision } = this.stage(changes, options)
    return { revision, results }
  }

  /** The same, with what a durable store must keep, and a way back in case it cannot. */
  stage(changes: readonly Change[], options: ChangeOptions = {}): Staged {
    const now = options.now ?? this.clock()
    const { plan, wishes, results } = this.planAll(changes, { ...options, now })
    if (options.onDependants === 'refuse') this.refuseDependants(plan, wishes, { ...options, now })
    if (plan.effects.length === 0) {
      const nothing = (): void => {}
      return { commit: null, results, revision: this.current, undo: nothing, redo: nothing }
    }
    const revision = ++this.current
    if (options.changedAt === undefined)
      for (const effect of plan.effects)
        this.changed.set(changeKey(factKey(effect.after ?? effect.before)), revision)
    const commit = {
      revision,
      time: now,
      actor: options.actor ?? options.as ?? 'system',
      reason: options.reason ?? null,
      effects: [...plan.effects],
    }
    return {
      commit,
      results,
      revision,
      undo: () => {
        invariant(this.current === revision, 'only the last thing staged can be undone')
        plan.undo()
        this.current = revision - 1
      },
      redo: () => {
        invariant(this.current === revision - 1, 'only what was undone last can be done again')
        plan.redo(commit.effects)
        this.current = revision
      },
    }
  }

  /** The effects are in the index when this returns, and none when it throws. */
  private planAll(
    changes: readonly Change[],
    options: ChangeOptions & { readonly now: number },
  ): { plan: Plan; wishes: Change[]; results: ChangeResult[] } {
    const max = options.changesMax ?? LIMITS.changesMax
    if (changes.length > max)
      throw new LimitExceededError('changesMax', max, `${changes.length} changes in one call`)
    requireInstant(options.now)
    if (options.reason !== undefined) parseText(options.reason, 'reason')
    if (options.actor !== undefined) parseActor(options.actor)
    const caller = options.as ?? 'system'
    parseActor(caller)
    const inquire = (): Inquiry => this.inquiry({ now: options.now, viewer: caller })
    const plan = new Plan(this.index, inquire)
    try {
      const unmet = this.findUnmet(plan, changes, options, inquire())
      const wishes: Change[] = []
      const results = changes.map((change) => {
        const wish = plan.resolve(change)
        wishes.push(wish)
        authorizeChange(inquire(), caller, wish)
        try {
          return plan.apply(wish)
        } catch (error) {
          throw unmet ?? error
        }
      })
      // Told only to those who may make the changes: to others it would tell what is there and when it changed.
      if (unmet !== undefined) throw unmet
      return {
        plan,
        wishes,
        results: results.map((result, i) => this.withEffect(result, wishes[i]!, options.now)),
      }
    } catch (error) {
      plan.undo()
      throw error
    }
  }

  private withEffect(result: ChangeResult, wish: Change, now: number): ChangeResult {
    if (!('add' in wish) || wish.add.kind !== 'grant') return result
    const { issuer, permission, expiresAt } = wish.add
    const isOver = expiresAt !== undefined && now >= Date.parse(expiresAt)
    return { ...result, effective: !isOver && this.check(issuer, permission, { now }) }
  }

  /** @throws {ForbiddenError} when the caller may not see a fact that the preconditions name */
  private findUnmet(
    plan: Plan,
    changes: readonly Change[],
    options: ChangeOptions,
    inquiry: Inquiry,
  ): PreconditionFailedError | undefined {
    const { ifRevision, ifAbsent = [], ifPresent = [] } = options.preconditions ?? {}
    const isThere = (key: FactKey): boolean => {
      const resolved = canonicalKey(inquiry, key)
      authorizeLook(inquiry, inquiry.viewer, resolved)
      return this.index.fact(resolved) !== undefined
    }
    const present = ifAbsent.filter((key) => isThere(key))
    const absent = ifPresent.filter((key) => !isThere(key))
    if (present[0] !== undefined)
      return new PreconditionFailedError(`a fact that must be absent is there: ${JSON.stringify(present[0])}`)
    if (absent[0] !== undefined)
      return new PreconditionFailedError(`a fact that must be there is absent: ${JSON.stringify(absent[0])}`)
    if (ifRevision === undefined) return undefined
    this.requireRevision(ifRevision)
    const changedAt = options.changedAt ?? ((key: FactKey) => this.changed.get(changeKey(key)) ?? 0)
    for (const change of changes) {
      const wish = plan.resolve(change)
      const key = 'add' in wish ? factKey(wish.add) : wish.remove
      const at = changedAt(key)
      if (at > ifRevision)
        return new PreconditionFailedError(
          `a fact this names changed at revision ${at}, after ${ifRevision}: ${JSON.stringify(key)}`,
        )
    }
    return undefined
  }

  /** Whoever the revoked grants reach directly is meant to lose; anyone beyond is a dependant. */
  private refuseDependants(
    plan: Plan,
    wishes: readonly Change[],
    { as = 'system', now }: ChangeOptions & { readonly now: number },
  ): void {
    const effects = [...plan.effects]
    const lost = this.compareAround(plan, wishes, { now, as }, (items) =>
      items.filter(({ change }) => change === 'lost'),
    )
    const meant = new Set<string>()
    for (const { before, after } of effects)
      if (before?.kind === 'grant' && after === null)
        for (const actor of this.reachedBy(before)) meant.add(actor)
    const dependants = lost.filter(({ actor }) => !meant.has(actor))
    if (dependants.length > 0) {
      const first = firstInOrder(dependants, ['permission', 'actor'], DEPENDANTS_SHOWN)
      throw new DependantsError(
        first.map(({ actor, permission }) => ({ actor, permission })),
        dependants.length,
      )
    }
    plan.redo(effects)
  }

  private reachedBy(grant: GrantFact): string[] {
    const row = this.index.findExisting(grant.holder)
    if (!grant.holder.startsWith('group:') || row === NONE) return [grant.holder]
    return [...this.index.usersIn(row)].map((user) => this.index.partyText[user]!)
  }

  // ---- facts

  /** The fact of this key, as it stands. */
  fact(key: FactKey, asking?: Pick<Asking, 'viewer'>): Fact | undefined {
    return this.index.fact(canonicalKey(this.inquiry(asking), key))
  }

  /** Every fact but the built-in ones, in an order that can be loaded again. Not to be read across changes. */
  facts(kind?: Fact['kind']): Iterable<Fact> {
    return this.index.facts(kind)
  }

  /** Grants by any of issuer, holder and permission (that very string), unordered. */
  *grantsWhere(
    filter: { readonly issuer?: string; readonly holder?: string; readonly permission?: string },
    asking?: Pick<Asking, 'viewer'>,
  ): Generator<GrantFact> {
    const { index } = this
    const permission =
      filter.permission === undefined ? undefined : this.inquiry(asking).canonical(filter.permission)
    const issuer = filter.issuer === undefined ? undefined : (index.parties.get(filter.issuer) ?? NONE)
    const holder = filter.holder === undefined ? undefined : (index.parties.get(filter.holder) ?? NONE)
    const node = permission === undefined ? undefined : index.findNode(permission)
    if (issuer === NONE || holder === NONE || node === NONE) return
    for (const grant of this.narrowest(issuer, holder, node)) {
      const fits =
        (issuer === undefined || index.grantIssuer.get(grant) === issuer) &&
        (holder === undefined || index.grantHolder.get(grant) === holder) &&
        (node === undefined || index.grantNode.get(grant) === node)
      if (fits) yield index.grantFact(grant)
    }
  }

  private narrowest(
    issuer: number | undefined,
    holder: number | undefined,
    node: number | undefined,
  ): Iterable<number> {
    const { index } = this
    if (node !== undefined && holder !== undefined) return index.grantsOf(node, holder)
    if (node !== undefined) return index.grantsOn.of(node)
    if (holder !== undefined) return index.grantsHeld.of(holder)
    if (issuer !== undefined) return index.grantsIssued.of(issuer)
    return index.allGrants()
  }

  /** Resources by owner, by what they lie in, or both, unordered. */
  *resourcesWhere(
    filter: { readonly owner?: string; readonly parent?: string },
    asking?: Pick<Asking, 'viewer'>,
  ): Generator<ResourceFact> {
    const { index } = this
    const parent = filter.parent === undefined ? undefined : this.inquiry(asking).canonical(filter.parent)
    const owner = filter.owner === undefined ? undefined : (index.parties.get(filter.owner) ?? NONE)
    const folder = parent === undefined ? undefined : index.findNode(parent)
    if (owner === NONE || folder === NONE) return
    const nodes =
      folder !== undefined ? index.contents.of(folder) : owner !== undefined ? index.ownedBy.of(owner) : []
    for (const node of nodes)
      if (owner === undefined || index.owner.get(node) === owner) yield index.resourceFact(node)
  }

  /** Groups by owner or by who is directly in them, unordered. */
  *groupsWhere(filter: { readonly owner: string } | { readonly member: string }): Generator<GroupFact> {
    const { index } = this
    const party = index.parties.get('owner' in filter ? filter.owner : filter.member)
    if (party === undefined) return
    if ('owner' in filter) {
      for (const row of index.belongsTo.of(party))
        if (index.kind.get(row) === KIND_GROUP) yield index.partyFact(row) as GroupFact
      return
    }
    if (index.kind.get(party) === KIND_USER && index.exists(party))
      yield index.partyFact(index.userGroup) as GroupFact
    for (const row of index.groupsOf.of(party)) yield index.partyFact(index.memberGroup.get(row)) as GroupFact
  }

  /** Tokens of an issuer, unordered; of a user or an app also those of the app acting for a user. */
  *tokensWhere({ issuer }: { readonly issuer: string }): Generator<TokenFact> {
    const { index } = this
    const party = index.parties.get(issuer)
    if (party === undefined || party === SYSTEM) return
    for (const row of [...index.belongsTo.of(party), ...index.appSide.of(party)]) {
      if (index.kind.get(row) === KIND_TOKEN) yield index.partyFact(row) as TokenFact
      else if (index.kind.get(row) === KIND_USER_APP)
        yield* this.tokensWhere({ issuer: index.partyText[row]! })
    }
  }

  /** The namespaces, built-in ones first. */
  catalog(): readonly NamespaceFact[] {
    return [...this.index.namespaces.values()]
  }

  /** The rules in force, in order. */
  rules(): readonly RuleEntry[] {
    return this.rulebook.entries
  }

  /** What a string becomes once the rewriters have seen it. @throws on malformed input */
  canonical(permission: string, asking?: Asking): string {
    return this.inquiry(asking).canonical(permission)
  }

  // ---- the edge

  private inquiry(asking: Asking = NO_OPTIONS): Inquiry {
    this.requireAsking(asking)
    return new Inquiry(
      this.index,
      this.rulebook,
      asking.now ?? this.clock(),
      asking.context ?? {},
      asking.viewer ?? 'system',
    )
  }

  private requireAsking({ now, viewer, atLeast }: Asking): void {
    if (now !== undefined) requireInstant(now)
    if (viewer !== undefined) parseActor(viewer)
    if (atLeast !== undefined) this.requireRevision(atLeast)
  }

  private requireRevision(revision: number): void {
    if (!Number.isSafeInteger(revision) || revision < 0)
      throw new FactInvalidError('atLeast', 'not a revision')
    if (revision > this.current) throw new RevisionAheadError(revision, this.current)
  }

  private requireCount(list: readonly unknown[]): void {
    if (list.length > LIMITS.permissionsMax)
      throw new LimitExceededError('permissionsMax', LIMITS.permissionsMax, `${list.length} in one call`)
  }
}

export type Sought =
  /** Who of a kind may hold a permission. */
  | { readonly for: 'holders'; readonly permission: string; readonly kind: ActorKind }
  /** Second components of a namespace's strings that facts name, behind which the actor may hold a right. */
  | {
      readonly for: 'resources'
      readonly actor: string
      readonly namespace: string
      /** One component, as it stands in a string. */
      readonly right: string
    }
  /**
   * What may stand behind a resource's string: its namespace's modes, and what facts name there, or behind its
   * folders as far as the actor holds it there.
   */
  | { readonly for: 'rights'; readonly actor: string; readonly resource: string }

export type AuthorizedQuestion =
  | { readonly about: 'actor'; readonly actor: string }
  | { readonly about: 'holders'; readonly permission: string }
  | { readonly about: 'preview'; readonly changes: readonly Change[] }
  | { readonly about: 'journal' }
  | { readonly about: 'fact'; readonly key: FactKey }
  | { readonly about: 'facts'; readonly kind: FactKind }

const NO_OPTIONS: Asking = Object.freeze({})

/** Of those who would lose something by a refused change; all are counted. */
const DEPENDANTS_SHOWN = 100

/** Namespaces in which names are rewritten or rights come from elsewhere than grants and owners: never for the fast walk. */
const GENERAL_NAMESPACES = ['manage', 'user', 'app', 'site']

// oxlint-disable-next-line no-restricted-properties -- how long an answer took is told beside it and decides nothing
const stopwatch = (): number => performance.now()

function checkGeneral(inquiry: Inquiry, actor: string, permission: string): boolean {
  inquiry.actor(actor)
  return inquiry.holds(actor, inquiry.canonical(permission))
}

function requireInstant(now: number): void {
  if (!Number.isFinite(now)) throw new FactInvalidError('now', 'not a number of milliseconds')
}

/** The permissions that wishes name, also those that change nothing. */
function namedBy(wishes: readonly Change[]): string[] {
  const keys = wishes.map((wish) => ('add' in wish ? factKey(wish.add) : wish.remove))
  return keys.flatMap((key) => (key.kind === 'grant' || key.kind === 'resource' ? [key.permission] : []))
}

function namespacesOf(catalog: Catalog): readonly Omit<NamespaceFact, 'kind'>[] {
  if (Array.isArray(catalog)) return catalog as readonly Omit<NamespaceFact, 'kind'>[]
  return Object.entries(catalog).map(([name, rest]) => ({ ...rest, name }))
}

function* decodeAll(components: Iterable<string>): Generator<string> {
  for (const component of components) yield decodeComponent(component)
}

function canonicalKey(inquiry: Inquiry, key: FactKey): FactKey {
  const parsed = parseFactKey(key)
  return parsed.kind === 'grant' || parsed.kind === 'resource'
    ? { ...parsed, permission: inquiry.canonical(parsed.permission) }
    : parsed
}

function changeKey(key: FactKey): string {
  return JSON.stringify([key.kind, ...keyParts(key)])
}
