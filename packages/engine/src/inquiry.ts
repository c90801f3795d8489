import { parseActor, type PartyKind } from './actor.ts'
import { unknownNamespace, validateShape } from './catalog.ts'
import { NONE } from './columns.ts'
import { LimitExceededError, RuleError } from './errors.ts'
import type { JsonObject } from './fact.ts'
import type { FactsIndex } from './facts-index.ts'
import { LIMITS } from './limits.ts'
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
import { inOrder, SCANNERS } from './rules/scanners.ts'

/** An actor looked up. A party without a row has no grant of its own, but an app acting for a user may have none and still exist. */
export interface ActorRef {
  readonly text: string
  readonly kind: PartyKind
  readonly row: number
  /** Of an app acting for a user: the app's row. */
  readonly app: number
  readonly exists: boolean
}

/** A string and all that are each enough for it, the string itself first. */
export interface Explosion {
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
  private readonly explosions = new Map<string, Explosion>()
  private readonly actors = new Map<string, ActorRef>()
  private readonly known = new Map<string, Map<string, boolean>>()

  constructor(index: FactsIndex, rules: RuleBook, now: number, context: JsonObject, viewer: string) {
    this.index = index
    this.rules = rules
    this.now = now
    this.context = context
    this.viewer = viewer
    const facts: FactReader = index
    this.setting = { facts, now, context, mayViewerSee: (permission) => this.holds(this.viewer, permission) }
  }

  // ---- strings

  /**
   * Validates a string and applies the rewriters to it, once each, in order. Beneath `manage:` the rest is
   * rewritten as if it stood alone.
   */
  canonical(text: string): string {
    const { depth, rest } = splitManage(text)
    const name = namespaceOf(rest)
    let result = rest
    if (this.rules.rewrites(name)) {
      validateUnrewritten(text)
      result = this.rewrite(rest)
    }
    const whole = text.slice(0, depth * 'manage:'.length) + result
    validatePermission(whole)
    const resultName = namespaceOf(result)
    if (!this.index.namespaces.has(resultName))
      throw unknownNamespace(text, resultName, this.index.namespaces.keys())
    validateShape(result, resultName)
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
    const known = this.explosions.get(permission)
    if (known !== undefined) return known
    const explosion = this.explodePlain(permission) ?? this.explodeAny(permission)
    this.explosions.set(permission, explosion)
    return explosion
  }

  private explodePlain(permission: string): Explosion | undefined {
    return this.rules.touches(namespaceOf(permission)) ? undefined : explodePlain(this.index, permission)
  }

  private explodeAny(permission: string): Explosion {
    const strings = this.explodeStrings(permission)
    return { strings, nodes: strings.map((each) => this.index.findNode(each)), owners: undefined }
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
    let actor = this.actors.get(text)
    if (actor === undefined) this.actors.set(text, (actor = this.findActor(text)))
    return actor
  }

  private findActor(text: string): ActorRef {
    const { index } = this
    const parsed = parseActor(text)
    const row = index.parties.get(text) ?? NONE
    if (parsed.kind !== 'user-app')
      return { text, kind: parsed.kind, row, app: NONE, exists: row !== NONE && index.exists(row) }
    const app = index.findExisting(`app:${parsed.app}`)
    return {
      text,
      kind: 'user-app',
      row,
      app,
      exists: app !== NONE && index.findExisting(`user:${parsed.user}`) !== NONE,
    }
  }

  /** Whoever is not live holds nothing, by right or by grant. */
  isLive(actor: ActorRef): boolean {
    if (!actor.exists) return false
    return this.suspendedOn(actor).length === 0 && !this.hasTokenExpired(actor)
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
  options(actor: ActorRef, explosion: Explosion): FoundOption[] {
    if (actor.kind === 'system') return [{ permission: explosion.strings[0]!, by: 'is-system', data: {} }]
    const options: FoundOption[] = []
    for (const [place, permission] of explosion.strings.entries()) {
      if (explosion.owners === undefined) this.addBuiltIn(options, actor, permission)
      else if (actor.kind === 'user' && explosion.owners[place] === actor.row)
        options.push({ permission, by: isOwner.id, data: {} })
      this.addRegistered(options, actor, permission)
    }
    return options
  }

  private addBuiltIn(options: FoundOption[], actor: ActorRef, permission: string): void {
    for (const rule of BUILT_IN_IMPLICATORS) {
      if (!(rule.actors as readonly string[]).includes(actor.kind)) continue
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
  links(actor: ActorRef, explosion: Explosion): FoundLink[] {
    return this.storedLinks(actor, explosion).filter((link) => !this.hasExpired(link))
  }

  /** Also links whose grant has expired. */
  storedLinks(actor: ActorRef, explosion: Explosion): FoundLink[] {
    if (actor.kind === 'system') return []
    const links: FoundLink[] = []
    for (const scanner of SCANNERS)
      for (const link of scanner.find(actor, explosion, this.index)) links.push(link)
    for (const rule of this.rules.scanners) {
      if (explosion.strings.some((each) => speaksOf(rule, namespaceOf(each))))
        links.push(...this.askScanner(rule, actor, explosion))
    }
    return links
  }

  hasExpired(link: FoundLink): boolean {
    return link.grant !== NONE && this.now >= this.index.expiryOf(link.grant)
  }

  private askScanner(rule: RuleBook['scanners'][number], actor: ActorRef, explosion: Explosion): FoundLink[] {
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

  /**
   * The least solution by walking backwards: each state (actor, permission) is visited once, so a loop of grants
   * never supports itself. What is learnt stays with this inquiry.
   */
  holds(actorText: string, permission: string): boolean {
    const met: { readonly actor: string; readonly permission: string; readonly from: number }[] = []
    const visited = new Map<string, Set<string>>()
    const meet = (actor: string, held: string, from: number): void => {
      const seen = visited.get(actor)
      if (seen?.has(held) === true) return
      if (seen === undefined) visited.set(actor, new Set([held]))
      else seen.add(held)
      met.push({ actor, permission: held, from })
    }
    meet(actorText, permission, NONE)
    // The list grows while it is walked: a queue.
    for (const [at, state] of met.entries()) {
      const known = this.known.get(state.actor)?.get(state.permission)
      if (known === false) continue
      const actor = this.actor(state.actor)
      if (known === undefined && !this.isLive(actor)) continue
      if (known === true || this.options(actor, this.explode(state.permission)).length > 0) {
        // All on the way hold with it.
        for (let i = at; i !== NONE; i = met[i]!.from) this.learn(met[i]!.actor, met[i]!.permission, true)
        return true
      }
      for (const link of this.links(actor, this.explode(state.permission)))
        meet(link.issuer, link.permission, at)
    }
    for (const state of met) this.learn(state.actor, state.permission, false)
    return false
  }

  private learn(actor: string, permission: string, holds: boolean): void {
    const known = this.known.get(actor)
    if (known === undefined) this.known.set(actor, new Map([[permission, holds]]))
    else known.set(permission, holds)
  }
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
