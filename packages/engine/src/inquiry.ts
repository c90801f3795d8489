import { parseActor, type PartyKind } from './actor.ts'
import { unknownNamespace, validateShape } from './catalog.ts'
import { NONE } from './columns.ts'
import { LimitExceededError, RuleError } from './errors.ts'
import type { JsonObject } from './fact.ts'
import type { FactsIndex } from './facts-index.ts'
import { PARTY_KINDS } from './parties.ts'
import { LIMITS } from './limits.ts'
import { Pairs } from './pairs.ts'
import {
  decodeComponent,
  encodeComponent,
  namespaceOf,
  splitManage,
  validatePermission,
  validateUnrewritten,
} from './permission.ts'
import type { FactReader, Rule, RuleSetting } from './rule.ts'
import { explodePlain } from './plain.ts'
import { BUILT_IN_EXPLODERS, BUILT_IN_IMPLICATORS, type RuleBook, speaksOf } from './rule-book.ts'
import { isOwner } from './rules/is-owner.ts'
import { inOrder, SCANNERS_OF } from './rules/scanners.ts'

/** An actor looked up. A party without a row has no grant of its own, but an app acting for a user may have none and still exist. */
export interface ActorRef {
  readonly text: string
  /** Its row, or a number of this inquiry's own where it has none. */
  readonly number: number
  readonly kind: PartyKind
  readonly row: number
  /** Of an app acting for a user: the app's row. */
  readonly app: number
  readonly exists: boolean
}

/** A string and all that are each enough for it, the string itself first. */
export interface Explosion {
  /** The node of the string, or a number of this inquiry's own where no fact names it. */
  readonly number: number
  readonly strings: readonly string[]
  /** The node of each string, NONE where no fact names it. */
  readonly nodes: readonly number[]
  /** Who owns the resource each string lies on, where that is known already. */
  readonly owners: readonly number[] | undefined
}

/** By right. */
export interface FoundOption {
  readonly permission: string
  readonly by: string
  readonly data: JsonObject
}

/** One step of a pathway: the actor holds `permission` if `issuer` does. */
export interface FoundLink {
  readonly via: string
  /** Which string of the explosion. */
  readonly place: number
  readonly permission: string
  readonly issuer: string
  readonly issuerRow: number
  readonly holder: string
  /** The grant's row; NONE for a full-access token and for links of registered scanners. */
  readonly grant: number
  readonly extra: JsonObject
  /** From the actor up to the group the grant is for. */
  readonly groups?: readonly string[]
}

/**
 * One question being answered: the facts as they are, `now` and `context` pinned, and what was worked out on the
 * way. It ends with the answer; nothing in it outlives the synchronous call it serves.
 */
export class Inquiry {
  readonly index: FactsIndex
  readonly rules: RuleBook
  readonly now: number
  readonly context: JsonObject
  readonly viewer: string
  readonly setting: RuleSetting
  private readonly explosions = new Map<number, Explosion>()
  private readonly actors = new Map<number, ActorRef>()
  /** What no fact names: strings and actors, numbered downwards. */
  private readonly unnamed = new Map<string, number>()
  /** States met before, by actor and string, and whether they hold. */
  private readonly known = new Pairs()
  private readonly knownHolds: boolean[] = []
  private sight: Inquiry | undefined

  constructor(index: FactsIndex, rules: RuleBook, now: number, context: JsonObject, viewer: string) {
    this.index = index
    this.rules = rules
    this.now = now
    this.context = context
    this.viewer = viewer
    const facts: FactReader = index
    this.setting = { facts, now, context, mayViewerSee: (permission) => this.mayViewerSee(permission) }
  }

  /**
   * Whether whoever the answer is for holds this. The context says things of the question, and may be of the
   * viewer's own making: no right of the viewer's rests on it.
   */
  mayViewerSee(permission: string): boolean {
    this.sight ??=
      Object.keys(this.context).length === 0
        ? this
        : new Inquiry(this.index, this.rules, this.now, {}, this.viewer)
    return this.sight.holds(this.viewer, permission)
  }

  // ---- strings

  /**
   * Validates a string and applies the rewriters to it, once each, in order. Beneath `manage:` the rest is
   * rewritten as if it stood alone.
   */
  canonical(text: string): string {
    const { depth, rest } = splitManage(text)
    let whole = text
    let result = rest
    if (this.rules.mayRewrite(rest)) {
      validateUnrewritten(text)
      result = this.rewrite(rest)
      whole = text.slice(0, depth * 'manage:'.length) + result
    }
    validatePermission(whole)
    const name = namespaceOf(result)
    if (!this.index.namespaces.has(name)) throw unknownNamespace(text, name, this.index.namespaces.keys())
    validateShape(result, name)
    return whole
  }

  private rewrite(permission: string): string {
    let result = permission
    for (const rule of this.rules.rewriters) {
      if (!speaksOf(rule, namespaceOf(result))) continue
      const given = result.split(':').map(decodeComponent)
      const components: unknown = ask(rule, () => rule.rewrite(given, this.setting))
      if (components === undefined) continue
      if (!isComponents(components)) throw new RuleError(rule.id, 'did not give components')
      result = components.map(encodeComponent).join(':')
    }
    return result
  }

  explode(permission: string): Explosion {
    const node = this.index.findNode(permission)
    const number = node === NONE ? this.numberOf(permission) : node
    return this.explosions.get(number) ?? this.makeExplosion(number, node, permission)
  }

  /** The explosion of one of an explosion's strings. */
  explodePlace({ strings, nodes }: Explosion, place: number): Explosion {
    const node = nodes[place]!
    if (node === NONE) return this.explode(strings[place]!)
    return this.explosions.get(node) ?? this.makeExplosion(node, node, strings[place]!)
  }

  private numberOf(unnamed: string): number {
    let number = this.unnamed.get(unnamed)
    if (number === undefined) this.unnamed.set(unnamed, (number = FIRST_UNNAMED - this.unnamed.size))
    return number
  }

  private makeExplosion(number: number, node: number, permission: string): Explosion {
    const isTouched = this.rules.touches(namespaceOf(permission))
    const plain = isTouched ? undefined : explodePlain(this.index, node, permission)
    const strings = plain?.strings ?? this.explodeStrings(permission)
    const nodes = plain?.nodes ?? strings.map((each) => this.index.findNode(each))
    const explosion = { number, strings, nodes, owners: plain?.owners }
    this.explosions.set(number, explosion)
    return explosion
  }

  /**
   * A queue in which each string, once, appends what its exploders name, then its parents. What stands beneath
   * `manage:` is exploded as if it stood alone, and `manage` itself covers it all.
   */
  private explodeStrings(permission: string): string[] {
    const strings = new Set([permission])
    const managing = new Set<string>()
    const isTangled = this.index.roots.get(namespaceOf(splitManage(permission).rest))?.hasLongFolders === true
    for (const each of strings) {
      const { depth, rest } = splitManage(each)
      const prefix = each.slice(0, each.length - rest.length)
      for (const enough of this.enoughFor(rest)) strings.add(prefix + enough)
      if (isTangled && strings.size > LIMITS.explosionTotalMax)
        throw new LimitExceededError(
          'explosionTotalMax',
          LIMITS.explosionTotalMax,
          `what \`${permission.slice(0, 100)}\` lies in is tangled: it explodes to too many strings`,
        )
      for (let levels = depth; levels > 0; levels--) managing.add('manage:'.repeat(levels).slice(0, -1))
    }
    for (const each of managing) strings.add(each)
    return [...strings]
  }

  /** One step: what exploders name for a string that manages nothing, then its parents, nearest first. */
  private *enoughFor(permission: string): Generator<string> {
    for (const exploder of BUILT_IN_EXPLODERS) yield* exploder.explode(permission, this.index)
    for (const rule of this.rules.exploders)
      if (speaksOf(rule, namespaceOf(permission))) yield* this.askExploder(rule, permission)
    for (let colon = permission.lastIndexOf(':'); colon >= 0; colon = permission.lastIndexOf(':', colon - 1))
      yield permission.slice(0, colon)
  }

  private askExploder(rule: RuleBook['exploders'][number], permission: string): readonly string[] {
    const strings = ask(rule, () => [...rule.explode(permission, this.setting)])
    if (strings.length > LIMITS.explosionMax)
      throw new LimitExceededError(
        'explosionMax',
        LIMITS.explosionMax,
        `rule \`${rule.id}\` explodes \`${permission}\` to ${strings.length} strings`,
      )
    for (const each of strings) this.requireCanonical(rule, each)
    return strings
  }

  private requireCanonical(rule: Rule, permission: string): void {
    try {
      validatePermission(permission)
    } catch (error) {
      throw new RuleError(rule.id, 'named a permission that is not canonical', error)
    }
    if (!this.index.namespaces.has(namespaceOf(splitManage(permission).rest)))
      throw new RuleError(rule.id, `named \`${permission}\`, which is in no namespace of the catalog`)
  }

  // ---- actors

  actor(text: string): ActorRef {
    const row = this.index.parties.get(text)
    if (row !== undefined) return this.actorAt(row)
    const number = this.numberOf(text)
    return this.actors.get(number) ?? this.keepActor(this.findRowless(number, text))
  }

  /** The actor of a row. */
  actorAt(row: number): ActorRef {
    return this.actors.get(row) ?? this.keepActor(this.findActor(row))
  }

  private keepActor(actor: ActorRef): ActorRef {
    this.actors.set(actor.number, actor)
    return actor
  }

  private findActor(row: number): ActorRef {
    const { index } = this
    const text = index.partyText[row]!
    const kind = PARTY_KINDS[index.kind.get(row)]!
    // It throws.
    if (kind === 'group') parseActor(text)
    const app = kind === 'user-app' ? index.appOf.get(row) : NONE
    return {
      text,
      number: row,
      kind,
      row,
      app: app !== NONE && index.exists(app) ? app : NONE,
      exists: index.exists(row),
    }
  }

  private findRowless(number: number, text: string): ActorRef {
    const { index } = this
    const parsed = parseActor(text)
    const rowless = { text, number, kind: parsed.kind, row: NONE }
    if (parsed.kind !== 'user-app') return { ...rowless, app: NONE, exists: false }
    const app = index.findExisting(`app:${parsed.app}`)
    return { ...rowless, app, exists: app !== NONE && index.findExisting(`user:${parsed.user}`) !== NONE }
  }

  /** Whoever is not live holds nothing, by right or by grant. */
  isLive(actor: ActorRef): boolean {
    if (actor.row !== NONE) return this.index.isLive(actor.row, this.now)
    return actor.exists && this.suspendedOn(actor).length === 0
  }

  /** Suspended parties that keep this actor from holding anything. */
  suspendedOn(actor: ActorRef): string[] {
    const parts = actor.kind === 'user-app' ? actor.text.split('/') : [actor.text]
    return parts.filter((part) => this.index.isSuspended(part))
  }

  hasTokenExpired(actor: ActorRef): boolean {
    return actor.kind === 'token' && actor.row !== NONE && this.now >= this.index.tokenExpiresAt(actor.row)
  }

  // ---- options and links

  /** What the actor holds by right of an explosion, in its order, then that of the rules. Not asked of the dead. */
  options(actor: ActorRef, { strings, owners }: Explosion): readonly FoundOption[] {
    if (actor.kind === 'system') return [{ permission: strings[0]!, by: 'is-system', data: {} }]
    if (owners !== undefined) return actor.kind === 'user' ? ownedOptions(actor, strings, owners) : NO_OPTIONS
    const options: FoundOption[] = []
    for (const permission of strings) {
      this.addBuiltIn(options, actor, permission)
      this.addRegistered(options, actor, permission)
    }
    return options
  }

  private addBuiltIn(options: FoundOption[], actor: ActorRef, permission: string): void {
    for (const rule of BUILT_IN_IMPLICATORS) {
      if (!rule.actors.includes(actor.kind)) continue
      const data = rule.implies(actor.text, permission, this.index)
      if (data !== undefined) options.push({ permission, by: rule.id, data })
    }
  }

  private addRegistered(options: FoundOption[], actor: ActorRef, permission: string): void {
    for (const rule of this.rules.implicators) {
      if (!(rule.actors ?? ['user']).includes(actor.kind) || !speaksOf(rule, namespaceOf(permission)))
        continue
      const data = ask(rule, () => rule.implies(actor.text, permission, this.setting))
      if (data === undefined) continue
      if (!isPlainObject(data)) throw new RuleError(rule.id, 'answered neither undefined nor data')
      options.push({ permission, by: rule.id, data })
    }
  }

  /** Active links that reach the actor, in the order of the scanners. */
  links(actor: ActorRef, explosion: Explosion): readonly FoundLink[] {
    const stored = this.storedLinks(actor, explosion)
    return stored.length === 0 ? stored : stored.filter((link) => !this.hasExpired(link))
  }

  /** Also links whose grant has expired. */
  storedLinks(actor: ActorRef, explosion: Explosion): readonly FoundLink[] {
    let links = NO_LINKS
    for (const scanner of SCANNERS_OF[actor.kind])
      links = joined(links, scanner.find(actor, explosion, this.index))
    if (actor.kind === 'system') return links
    for (const rule of this.rules.scanners) {
      if (explosion.strings.some((each) => speaksOf(rule, namespaceOf(each))))
        links = joined(links, this.askScanner(rule, actor, explosion))
    }
    return links
  }

  hasExpired(link: FoundLink): boolean {
    return link.grant !== NONE && this.now >= this.index.expiryOf(link.grant)
  }

  private askScanner(
    rule: RuleBook['scanners'][number],
    actor: ActorRef,
    explosion: Explosion,
  ): readonly FoundLink[] {
    const found = ask(rule, () => [...rule.find(actor.text, explosion.strings, this.setting)])
    return inOrder(
      found.map(({ issuer, permission, extra = {} }) => {
        const place = explosion.strings.indexOf(permission)
        if (place < 0)
          throw new RuleError(
            rule.id,
            `found a link over \`${permission}\`, which does not answer the question`,
          )
        return {
          via: rule.id,
          place,
          permission,
          issuer,
          issuerRow: this.issuerRow(rule, issuer),
          holder: actor.text,
          grant: NONE,
          extra,
        }
      }),
    )
  }

  private issuerRow(rule: Rule, issuer: string): number {
    return ask(rule, () => this.actor(issuer)).row
  }

  // ---- the walk

  /** Whose it must be for a link to stand. */
  issuerOf(link: FoundLink): ActorRef {
    return link.issuerRow === NONE ? this.actor(link.issuer) : this.actorAt(link.issuerRow)
  }

  /**
   * The least solution by walking backwards: each state (actor, permission) is visited once, so a loop of grants
   * never supports itself. What is learnt stays with this inquiry.
   */
  holds(actorText: string, permission: string): boolean {
    const met = new Pairs()
    const actors: ActorRef[] = []
    const explosions: Explosion[] = []
    const cameFrom: number[] = []
    const meet = (actor: ActorRef, explosion: Explosion, from: number): void => {
      const place = met.add(actor.number, explosion.number)
      if (place < actors.length) return
      actors.push(actor)
      explosions.push(explosion)
      cameFrom.push(from)
    }
    meet(this.actor(actorText), this.explode(permission), NONE)
    for (let at = 0; at < met.size; at++) {
      const known = this.recall(met, at)
      const actor = actors[at]!
      const explosion = explosions[at]!
      if (known === false || (known === undefined && !this.isLive(actor))) continue
      if (known === true || this.options(actor, explosion).length > 0) {
        // All on the way hold with it.
        for (let i = at; i !== NONE; i = cameFrom[i]!) this.learn(met, i, true)
        return true
      }
      for (const link of this.links(actor, explosion))
        meet(this.issuerOf(link), this.explodePlace(explosion, link.place), at)
    }
    for (let at = 0; at < met.size; at++) this.learn(met, at, false)
    return false
  }

  private recall(met: Pairs, at: number): boolean | undefined {
    const place = this.known.find(met.left[at]!, met.right[at]!)
    return place === NONE ? undefined : this.knownHolds[place]
  }

  private learn(met: Pairs, at: number, holds: boolean): void {
    this.knownHolds[this.known.add(met.left[at]!, met.right[at]!)] = holds
  }
}

/** Beneath the rows and nodes there are, and what stands for none. */
const FIRST_UNNAMED = NONE - 1

const NO_LINKS: readonly FoundLink[] = []
const NO_OPTIONS: readonly FoundOption[] = []

function joined(first: readonly FoundLink[], second: readonly FoundLink[]): readonly FoundLink[] {
  if (first.length === 0) return second
  return second.length === 0 ? first : [...first, ...second]
}

/** Of strings whose owners are known. */
function ownedOptions(
  actor: ActorRef,
  strings: readonly string[],
  owners: readonly number[],
): readonly FoundOption[] {
  const options: FoundOption[] = []
  for (let place = 0; place < owners.length; place++)
    if (owners[place] === actor.row) options.push({ permission: strings[place]!, by: isOwner.id, data: {} })
  return options
}

function isPlainObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function isComponents(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((part) => typeof part === 'string')
}

/** Runs a registered rule. What it throws is an error, never an answer. */
export function ask<Answer>(rule: Rule, question: () => Answer): Answer {
  let answer: Answer
  try {
    answer = question()
  } catch (error) {
    if (error instanceof LimitExceededError || error instanceof RuleError) throw error
    throw new RuleError(rule.id, `failed: ${error instanceof Error ? error.message : String(error)}`, error)
  }
  if (answer instanceof Promise)
    throw new RuleError(rule.id, 'answered with a promise; rules are synchronous')
  return answer
}
