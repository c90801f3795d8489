import { isDeepStrictEqual } from 'node:util'
import {
  CastellanError,
  FACT_KINDS,
  keyParts,
  openEngine,
  type Change,
  type ChangeResult,
  type Engine,
  type EngineOptions,
  type Explanation,
  type Fact,
  type GrantFact,
  type Graph,
  type PathwayStep,
  type Preview,
  type Rule,
} from '../src/index.ts'
import { afterwards, exists, textOfKey, type State } from './model.ts'
import { explosion, holdsAll, isBeneath, isOver, rightsOf, split, type Holds } from './oracle.ts'
import { claimsOf, isLive, readingOf, reaching, withoutTimes } from './readings.ts'
import {
  INSTANTS,
  NOW,
  makeRandom,
  questionsOf,
  randomWorld,
  removalOf,
  type Random,
  type World,
} from './worlds.ts'

export interface Agreement {
  readonly worlds: number
  readonly batches: number
  /** Changes that both the model and the engine refused. */
  readonly refused: number
  /** Questions asked of both, and how many were answered yes. */
  readonly questions: number
  readonly allowed: number
  readonly readings: number
  readonly explanations: number
  readonly previews: number
}

export interface AgreementOptions {
  readonly worlds: number
  /** The first world's seed; the others count up from it. */
  readonly seed: number
  /** How many of a state's questions get a reading, an explanation and claims, besides the check that all get. */
  readonly sample?: number
  readonly onWorld?: (done: number) => void
}

/**
 * Holds the engine against the oracle on random worlds, before and after every change.
 *
 * @throws {DisagreementError} at the first difference, with its seed and the smallest world found that still shows it
 */
export function runAgreement({ worlds, seed, sample = 12, onWorld }: AgreementOptions): Agreement {
  const tally = newTally()
  for (let done = 0; done < worlds; done++) {
    const world = randomWorld(seed + done)
    const problem = problemOf(world, sample, tally)
    if (problem !== undefined) throw new DisagreementError(...shrink(world, problem, sample))
    onWorld?.(done + 1)
  }
  return { ...tally, worlds }
}

/** What is wrong with the engine's answers about one world: the file of a disagreement can be replayed with it. */
export function problemOf(world: World, sample = 12, tally: Tally = newTally()): Problem | undefined {
  try {
    agree(world, sample, tally)
    return undefined
  } catch (error) {
    if (error instanceof Difference) return { about: error.about, detail: error.message }
    const crash = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { about: `crash: ${crash.split('\n')[0]?.replace(/`.*`/g, '')}`, detail: crash }
  }
}

export interface Problem {
  /** The kind of difference, the same while the world shrinks. */
  readonly about: string
  readonly detail: string
}

export class DisagreementError extends Error {
  readonly world: World
  readonly problem: Problem

  constructor(world: World, problem: Problem) {
    const file = JSON.stringify(world, undefined, 1)
    super(
      `${problem.about}: ${problem.detail}\nseed ${world.seed}; the smallest world that shows it:\n${file}`,
    )
    this.world = world
    this.problem = problem
  }

  override get name(): string {
    return 'DisagreementError'
  }
}

type Tally = { -readonly [Count in keyof Agreement]: number }

function newTally(): Tally {
  return {
    worlds: 0,
    batches: 0,
    refused: 0,
    questions: 0,
    allowed: 0,
    readings: 0,
    explanations: 0,
    previews: 0,
  }
}

class Difference extends Error {
  readonly about: string

  constructor(about: string, detail: unknown) {
    super(typeof detail === 'string' ? detail : JSON.stringify(detail))
    this.about = about
  }
}

/** Throws a Difference unless it is so. */
function same(about: string, engine: unknown, expected: unknown, asked: unknown = ''): void {
  if (!isDeepStrictEqual(engine, expected)) throw new Difference(about, { asked, engine, expected })
}

/** One state of one world, with both sides of it. */
interface Scene {
  readonly engine: Engine
  readonly facts: readonly Fact[]
  readonly now: number
  readonly actors: readonly string[]
  readonly permissions: readonly string[]
  readonly holds: Holds
  readonly random: Random
  readonly sample: number
  readonly tally: Tally
}

function agree(world: World, sample: number, tally: Tally): void {
  const random = makeRandom(world.seed + 0x5eed)
  const stated = openEngine({ facts: world.facts, now: () => world.now })
  // Half of the worlds go on from what a store would hand back.
  const engine = world.seed % 2 === 0 ? stated : openEngine({ ...kept(stated), now: () => world.now })
  const scene = (facts: readonly Fact[], now = world.now): Scene => {
    const holds = holdsAll(facts, now)
    return { engine, facts, now, ...questionsOf(facts), holds, random, sample, tally }
  }
  let state: State = { facts: world.facts, retired: new Set() }
  sameFacts(engine, state.facts)
  sameAnswers(scene(state.facts))
  for (const batch of world.batches) {
    const expected = afterwards(state, batch)
    const before = scene(state.facts)
    if (typeof expected === 'string') {
      sameRefusal(engine, state, batch, expected)
      tally.refused++
      continue
    }
    samePreview(before, batch, expected.facts)
    sameUndo(before, batch)
    const revision = engine.revision
    const staged = engine.stage(batch)
    if (tally.batches % 2 === 0) {
      // As it goes while a disk is slow: taken back, and done again once it is kept.
      staged.undo()
      staged.redo()
    }
    const { results } = staged
    same('one result a change', results.length, batch.length)
    // What a batch does and takes back is told by its results; the journal keeps both.
    const hasChanged = results.some(({ outcome }) => outcome !== 'unchanged' && outcome !== 'absent')
    same('revision', engine.revision, hasChanged ? revision + 1 : revision, batch)
    const isSame = isDeepStrictEqual(sorted(state.facts), sorted(expected.facts))
    same('results say that something changed', hasChanged || isSame, true, { batch, results })
    sameFacts(engine, expected.facts)
    sameEffective(scene(expected.facts), batch, results)
    state = expected
    sameAnswers(scene(state.facts))
    tally.batches++
  }
  sameChecks(scene(state.facts, random.pick(INSTANTS)))
  for (const grant of state.facts.filter((fact) => fact.kind === 'grant')) {
    if (random.chance(3 / sample)) continue
    const revoke = { remove: removalOf(grant) }
    const left = afterwards(state, [revoke])
    if (typeof left !== 'string') samePreview(scene(state.facts), [revoke], left.facts)
  }
  sameAfterReopening(scene(state.facts))
}

function sameAnswers(scene: Scene): void {
  sameChecks(scene)
  const { actors, permissions, random, sample, holds } = scene
  const all = actors.flatMap((actor) => permissions.map((permission) => ({ actor, permission })))
  const isDull = (actor: string) => actor === 'system' || actor.includes('nobody')
  const yes = all.filter(({ actor, permission }) => !isDull(actor) && holds(actor, permission))
  const asked =
    sample === Infinity ? all : [...random.some(all, sample, sample), ...random.some(yes, sample, sample)]
  for (const { actor, permission } of asked) {
    sameReading(scene, actor, permission)
    sameExplanation(scene, actor, permission)
  }
  sameSeveral(scene)
  for (const permission of random.some(permissions, sample, sample)) sameHolders(scene, permission)
  for (const actor of actors) sameListing(scene, actor)
}

/** Every question, one by one and all at once in another order. */
function sameChecks({ engine, actors, permissions, holds, now, random, tally }: Scene): void {
  const questions = actors.flatMap((actor) => permissions.map((permission) => ({ actor, permission })))
  for (const { actor, permission } of questions) {
    const expected = holds(actor, permission)
    if (engine.check(actor, permission, { now }) !== expected) {
      throw new Difference('check', { actor, permission, now, expected })
    }
    tally.questions++
    if (expected) tally.allowed++
  }
  const shuffled = random.some(questions, 50, 50)
  const expected = shuffled.map(({ actor, permission }) => holds(actor, permission))
  same('checkEach', engine.checkEach(shuffled, { now }), expected, shuffled)
  if (now !== NOW) return
  const byClock = shuffled.map(({ actor, permission }) => engine.check(actor, permission))
  same('check by the clock', byClock, expected, shuffled)
}

/** A list is held when any of it is; each string is scanned once. */
function sameSeveral({ engine, actors, permissions, holds, now, random }: Scene): void {
  for (const actor of random.some(actors, 4, 4)) {
    const list = random.some(permissions, 2, 4)
    const expected = list.some((permission) => holds(actor, permission))
    same('check of a list', engine.check(actor, list, { now }), expected, { actor, list })
    const reading = engine.scan(actor, list, { now })
    same('scan of a list', isLive(reading), expected, { actor, list })
    const options = reading.flatMap((node) => (node.$ === 'option' ? [`${node.permission} ${node.by}`] : []))
    same('no string scanned twice', new Set(options).size, options.length, { actor, list, reading })
  }
  same('check of an empty list', engine.check('system', [], { now }), false)
}

function sameReading({ engine, facts, holds, now, tally }: Scene, actor: string, permission: string): void {
  const asked = { actor, permission }
  const reading = engine.scan(actor, permission, { now })
  same('scan has an option exactly when allowed', isLive(reading), holds(actor, permission), asked)
  const claims = engine.claims(actor, permission, { now })
  same('claims are empty exactly when denied', claims.pathways.length > 0, holds(actor, permission), asked)
  const expected = readingOf(facts, now, actor, permission)
  if (expected === undefined) return
  const times = JSON.stringify(reading).match(/\{"\$":"time","value":(?!\d)/g)
  same('times are numbers', times, null, reading)
  same('reading', withoutTimes(reading), expected, asked)
  same('claims', inAnyOrder(claims.pathways), inAnyOrder(claimsOf(expected)), asked)
  same('claims truncated', claims.truncated, false, asked)
  tally.readings++
}

/** Pathways with equal claims admit the same, so they may be told once. */
function inAnyOrder(items: readonly unknown[]): string[] {
  return [...new Set(items.map((item) => JSON.stringify(item)))].toSorted()
}

function sameExplanation(scene: Scene, actor: string, permission: string): void {
  const { engine, holds, now, tally } = scene
  const explanation = engine.explain(actor, permission, { now })
  same('explain', explanation.allowed, holds(actor, permission), { actor, permission })
  same('explain revision', explanation.revision, engine.revision)
  tally.explanations++
  if (explanation.allowed) soundGraph(scene, explanation.graph, actor, permission)
  else {
    same('a denial has no graph of live pathways', explanation.graph.edges, [], { actor, permission })
    soundMends(scene, explanation, actor, permission)
  }
}

/** Every edge is an active link of the facts, every node is held, and from the first an option is reached. */
function soundGraph({ facts, now, holds }: Scene, graph: Graph, actor: string, permission: string): void {
  const wrong = (what: string, detail: unknown) =>
    new Difference(`graph: ${what}`, { actor, permission, detail, graph })
  const { nodes, edges } = graph
  same(
    'graph: ids are places',
    nodes.map((node) => node.id),
    [...nodes.keys()],
  )
  const states = nodes.map((node) => `${node.actor} ${node.permission}`)
  same('graph: each state once', new Set(states).size, states.length, graph)
  same('graph: the first is the one asked about', states[0], `${actor} ${permission}`)
  for (const node of nodes) {
    if (!holds(node.actor, node.permission)) throw wrong('a node is not held', node)
    const covering = node.actor === 'system' ? [node.permission] : explosion(facts, node.permission)
    const rights = covering.flatMap((each) =>
      node.actor === 'system'
        ? [`${each} is-system`]
        : split(node.actor).kind === 'user'
          ? rightsOf(facts, node.actor, each).map((by) => `${each} ${by}`)
          : [],
    )
    same(
      'graph: options',
      node.options.map((option) => `${option.permission} ${option.by}`),
      rights,
      { node, graph },
    )
  }
  const reached = new Set([0])
  for (const from of reached) for (const edge of edges) if (edge.from === from) reached.add(edge.to)
  if (reached.size !== nodes.length) throw wrong('a node is not reached', [...reached])
  if (![...reached].some((id) => (nodes[id]?.options.length ?? 0) > 0))
    throw wrong('no option is reached', '')
  for (const edge of edges) {
    const [from, to] = [nodes[edge.from], nodes[edge.to]]
    if (from === undefined || to === undefined) throw wrong('an edge leads nowhere', edge)
    const link = reaching(facts, now, from.actor, from.permission).find(
      (reach) =>
        reach.via === edge.via &&
        reach.issuer === to.actor &&
        reach.permission === to.permission &&
        (reach.grant === undefined ? edge.grant === null : edge.grant?.holder === reach.holder),
    )
    if (link === undefined) throw wrong('an edge is no active link', edge)
    if (edge.grant !== null) {
      const { kind: _, reason: __, ...grant } = link.grant as GrantFact
      same('graph: the grant of an edge', edge.grant, grant, edge)
    }
    if (edge.via === 'user-group') soundGroups(facts, from.actor, split(link.holder).id, edge.groups)
  }
  const expected = readingOf(facts, now, actor, permission)?.filter((node) => node.$ === 'path').length ?? 0
  const shown = edges.filter((edge) => edge.from === 0).length
  if (shown < expected) throw wrong('a live link is missing', { shown, expected })
}

/** From a group the user is in, each in the next, up to the one the grant is for. */
function soundGroups(
  facts: readonly Fact[],
  user: string,
  last: string,
  groups: readonly string[] | undefined,
): void {
  same('graph: the last group is the holder', groups?.at(-1), last, { user, groups })
  let member = user
  for (const group of groups ?? []) {
    const isMember = facts.some(
      (fact) => fact.kind === 'member' && fact.group === group && fact.member === member,
    )
    if (!isMember && !(member === user && group === 'user'))
      throw new Difference('graph: groups', { user, groups })
    member = `group:${group}`
  }
}

/** Each set of mends makes it allowed, none of its parts does, and all sets are equally small. */
function soundMends(
  { engine, facts, now, holds, random }: Scene,
  explanation: Explanation,
  actor: string,
  permission: string,
): void {
  const sets = explanation.brokenLinks ?? []
  const asked = { actor, permission, sets }
  same(
    'brokenLinks: all sets have the same size',
    new Set(sets.map((set) => set.length)).size <= 1,
    true,
    asked,
  )
  if (!exists(facts, actor)) {
    const isNamed =
      sets.length > 0 &&
      sets.every((set) => set.some((link) => link.problem === 'unknown' && link.mend === null))
    same('brokenLinks: an unknown actor is named', isNamed, true, asked)
    return
  }
  for (const set of random.some(sets, 4, 4)) {
    const mends = set.flatMap((link) => (link.mend === null ? [] : [link.mend]))
    if (mends.length < set.length) continue
    same('brokenLinks: mended together', allowedAfter(engine, mends, actor, permission, now), true, {
      ...asked,
      set,
    })
    if (set.length < 2) continue
    for (const dropped of mends.keys()) {
      const rest = mends.filter((_, place) => place !== dropped)
      same('brokenLinks: none is needless', allowedAfter(engine, rest, actor, permission, now), false, {
        ...asked,
        rest,
      })
    }
  }
  const single = singleMends(facts, now).filter((mended) => holdsAll(mended, now)(actor, permission))
  if (single.length > 0 && sets.length < 100) {
    same(
      'brokenLinks: the fewest',
      sets.every((set) => set.length === 1),
      true,
      asked,
    )
    const known = sets.filter((set) =>
      set.every((link) => link.problem === 'expired' || link.problem === 'suspended'),
    )
    same('brokenLinks: every tie', known.length >= single.length, true, { ...asked, single: single.length })
  }
  same('still denied', holds(actor, permission), false)
}

/** The facts with one suspension lifted, or one expiry. */
function singleMends(facts: readonly Fact[], now: number): Fact[][] {
  return facts.flatMap((fact) => {
    const others = facts.filter((each) => each !== fact)
    if (fact.kind === 'suspension') return [others]
    if (!('expiresAt' in fact) || !isOver(fact, now)) return []
    const { expiresAt: _, ...lasting } = fact
    return [[...others, lasting]]
  })
}

function allowedAfter(
  engine: Engine,
  mends: readonly Change[],
  actor: string,
  permission: string,
  now: number,
): boolean {
  const staged = engine.stage(mends, { now })
  try {
    return engine.check(actor, permission, { now })
  } finally {
    staged.undo()
  }
}

function sameHolders({ engine, facts, actors, holds, now, random }: Scene, permission: string): void {
  const expected = actors.filter((actor) => actor !== 'system' && holds(actor, permission)).toSorted()
  const all = engine.holders(permission, { now, limit: 1000 })
  same('holders', all.items.map((item) => item.actor).toSorted(), expected, permission)
  same('holders: one page', all.nextCursor, null, permission)
  same('holders: complete', all.incomplete, false, permission)
  const limit = 1 + random.int(3)
  same(
    'holders: in pages',
    pages((cursor) => engine.holders(permission, { now, limit, ...cursor }), limit),
    all.items,
    permission,
  )
  for (const { actor, pathway } of all.items) {
    const asked = { actor, permission, pathway }
    soundPathway(facts, now, actor, permission, pathway)
    const visited = pathway.map((step) => step.actor)
    same('pathway: nobody twice', new Set(visited).size, visited.length, asked)
  }
}

/** Each step names who holds what, and how; the last one names the option itself. */
function soundPathway(
  facts: readonly Fact[],
  now: number,
  actor: string,
  permission: string,
  pathway: readonly PathwayStep[],
): void {
  const asked = { actor, permission, pathway }
  let who = [actor]
  let wanted = permission
  for (const [place, { actor, permission, via }] of pathway.entries()) {
    same('pathway: it goes to who issued', who.includes(actor), true, asked)
    const covers = actor === 'system' || explosion(facts, wanted).includes(permission)
    same('pathway: each step covers the one before', covers, true, asked)
    same('pathway: an option comes last', via === 'option', place === pathway.length - 1, asked)
    if (via === 'option') {
      const isUser = split(actor).kind === 'user'
      const isRight = actor === 'system' || (isUser && rightsOf(facts, actor, permission).length > 0)
      same('pathway: the option is one', isRight, true, asked)
      return
    }
    who = reaching(facts, now, actor, wanted).flatMap((link) =>
      link.via === via && (link.permission === permission || link.grant === undefined) ? [link.issuer] : [],
    )
    wanted = permission
  }
  same('pathway: it is not empty', pathway.length > 0, true, asked)
}

/** All items, page by page, each no longer than asked. */
function pages<Item>(
  ask: (cursor: { cursor?: string }) => { items: readonly Item[]; nextCursor: string | null },
  limit: number,
): Item[] {
  const items: Item[] = []
  let cursor: { cursor?: string } = {}
  for (;;) {
    const page = ask(cursor)
    same(
      'page size',
      page.items.length <= limit && (page.items.length > 0 || page.nextCursor === null),
      true,
      page,
    )
    items.push(...page.items)
    if (page.nextCursor === null) return items
    cursor = { cursor: page.nextCursor }
  }
}

/** A question is allowed exactly when one of the strings covers it. */
function sameListing({ engine, facts, permissions, holds, now, random }: Scene, actor: string): void {
  const all = engine.permissionsOf(actor, undefined, { now, limit: 1000 })
  const strings = all.items.map((item) => item.permission)
  same('permissionsOf: complete', all.incomplete, false, actor)
  for (const permission of permissions) {
    const isCovered = explosion(facts, permission).some((each) => strings.includes(each))
    same('permissionsOf covers exactly what is held', isCovered, holds(actor, permission), {
      actor,
      permission,
      strings,
    })
  }
  const limit = 1 + random.int(3)
  const inPages = pages((cursor) => engine.permissionsOf(actor, undefined, { now, limit, ...cursor }), limit)
  same('permissionsOf: in pages', inPages, all.items, actor)
  for (const prefix of random.some(permissions, 2, 2)) {
    const covering = explosion(facts, prefix)
    const expected = all.items.filter(
      ({ permission }) => isBeneath(permission, prefix) || covering.includes(permission),
    )
    const items = engine.permissionsOf(actor, prefix, { now, limit: 1000 }).items
    if (actor !== 'system') same('permissionsOf with a prefix', items, expected, { actor, prefix })
  }
}

/** Exactly who loses and gains, over what the changes name; and the engine is as it was. */
function samePreview(
  { engine, facts, now, holds, random, tally }: Scene,
  changes: readonly Change[],
  after: readonly Fact[],
): void {
  const revision = engine.revision
  const preview = engine.preview(changes, { now, limit: 1000 })
  tally.previews++
  same('preview leaves the engine unchanged', [engine.revision, factsOf(engine)], [revision, sorted(facts)])
  const holdsAfter = holdsAll(after, now)
  const actors = [...new Set([...questionsOf(facts).actors, ...questionsOf(after).actors])].filter(
    (actor) => actor !== 'system',
  )
  const asked = { changes, items: preview.items }
  for (const { actor, permission, change } of preview.items) {
    const [had, has] = [holds(actor, permission), holdsAfter(actor, permission)]
    const expected = { lost: had && !has, gained: !had && has, kept: had && has }[change]
    same('preview: each item is so', expected, true, { actor, permission, change, had, has, ...asked })
  }
  const keys = preview.items.map(({ actor, permission }) => `${actor} ${permission}`)
  same('preview: each once', new Set(keys).size, keys.length, asked)
  for (const permission of inQuestion(facts, now, holds, changes, preview.results, after, holdsAfter)) {
    const expected = actors.flatMap((actor) => {
      const [had, has] = [holds(actor, permission), holdsAfter(actor, permission)]
      return had === has ? [] : [`${had ? 'lost' : 'gained'} ${actor}`]
    })
    const shown = preview.items.flatMap((item) =>
      item.permission === permission && item.change !== 'kept' ? [`${item.change} ${item.actor}`] : [],
    )
    same('preview: the difference', shown.toSorted(), expected.toSorted(), { permission, ...asked })
  }
  const count = (change: string) => preview.items.filter((item) => item.change === change).length
  if (preview.nextCursor === null) {
    same(
      'preview: counts',
      { ...preview.counts },
      { lost: count('lost'), gained: count('gained'), kept: count('kept') },
      asked,
    )
  }
  const limit = 1 + random.int(4)
  const inPages = pages((cursor): Preview => engine.preview(changes, { now, limit, ...cursor }), limit)
  if (preview.nextCursor === null) same('preview: in pages', inPages, preview.items, changes)
}

/** What the changed grants name; when grants are only taken away, also what the grants that die with them name. */
function inQuestion(
  facts: readonly Fact[],
  now: number,
  holds: Holds,
  changes: readonly Change[],
  results: readonly ChangeResult[],
  after: readonly Fact[],
  holdsAfter: Holds,
): Set<string> {
  const named = changes.flatMap((change, place) => {
    const fact = 'add' in change ? change.add : change.remove
    const isIdle = ['unchanged', 'absent'].includes(results[place]?.outcome ?? '')
    return fact.kind === 'grant' && !isIdle ? [fact.permission] : []
  })
  const isRevoke = changes.every((change) => 'remove' in change && change.remove.kind === 'grant')
  if (!isRevoke) return new Set(named)
  const grants = after.filter((fact) => fact.kind === 'grant').filter((grant) => !isOver(grant, now))
  const dying = grants.filter(
    ({ issuer, permission }) => holds(issuer, permission) && !holdsAfter(issuer, permission),
  )
  return new Set([...named, ...dying.map((grant) => grant.permission)])
}

/** After staging and undoing it is as if nothing had been. */
function sameUndo(scene: Scene, changes: readonly Change[]): void {
  const { engine, facts } = scene
  const revision = engine.revision
  engine.stage(changes).undo()
  same('undo: revision', engine.revision, revision, changes)
  same('undo: facts', factsOf(engine), sorted(facts), changes)
  const { actors, permissions, random, holds, now } = scene
  for (const actor of random.some(actors, 8, 8)) {
    for (const permission of permissions) {
      same('undo: check', engine.check(actor, permission, { now }), holds(actor, permission), {
        actor,
        permission,
        changes,
      })
    }
  }
}

/** The model and the engine refuse alike, and then nothing has changed. */
function sameRefusal(engine: Engine, state: State, batch: readonly Change[], expected: string): void {
  const revision = engine.revision
  try {
    engine.apply(batch)
  } catch (error) {
    if (!(error instanceof CastellanError)) throw error
    // What names a thing that is gone may be told either way.
    const isEither = [error.code, expected].every((code) =>
      ['ID_RETIRED', 'REFERENCE_UNKNOWN'].includes(code),
    )
    if (!isEither) same('refusal: the code', error.code, expected, { batch, message: error.message })
    same('refusal: nothing done', [engine.revision, factsOf(engine)], [revision, sorted(state.facts)], batch)
    return
  }
  throw new Difference('refused by the model, accepted by the engine', { batch, expected })
}

/** A grant that was added says whether its issuer holds it. */
function sameEffective(
  { facts, holds, now }: Scene,
  batch: readonly Change[],
  results: readonly { effective?: boolean }[],
): void {
  for (const [place, change] of batch.entries()) {
    if (!('add' in change) || change.add.kind !== 'grant') continue
    if (!facts.some((fact) => isDeepStrictEqual(fact, change.add))) continue
    const { issuer, permission } = change.add
    const isOverNow = isOver(change.add, now)
    if (isOverNow) continue
    same('effective', results[place]?.effective, holds(issuer, permission), change)
  }
}

function sameFacts(engine: Engine, facts: readonly Fact[]): void {
  const [shown, expected] = [factsOf(engine), sorted(facts)]
  if (isDeepStrictEqual(shown, expected)) return
  const extra = shown.filter((each) => !expected.includes(each))
  const missing = expected.filter((each) => !shown.includes(each))
  throw new Difference('facts', { extra, missing })
}

function factsOf(engine: Engine): string[] {
  return sorted([...engine.facts()])
}

function sorted(facts: readonly Fact[]): string[] {
  return facts
    .map((fact) =>
      JSON.stringify(Object.fromEntries(Object.entries(fact).toSorted(([a], [b]) => (a < b ? -1 : 1)))),
    )
    .toSorted()
}

const SILENT: Rule = { kind: 'exploder', id: 'silent', doc: 'names nothing', explode: () => [] }

/** What a store would hand back: kinds in order, then by key, so that a folder may come after its content. */
function kept(engine: Engine): EngineOptions {
  const facts = FACT_KINDS.flatMap((kind) =>
    [...engine.facts(kind)]
      .map((fact) => ({ fact, key: JSON.stringify(keyParts(fact)) }))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ fact }) => fact),
  )
  return { facts, verified: true, revision: engine.revision }
}

function sameAfterReopening(scene: Scene): void {
  const { engine, actors, permissions, now, random } = scene
  const again = openEngine({ ...kept(engine), now: () => now })
  same('reopened: facts', factsOf(again), factsOf(engine))
  sameChecks({ ...scene, engine: again, actors: random.some(actors, 8, 8) })
  // A registered rule, even one that says nothing, may keep an engine from its shortest ways.
  const ruled = openEngine({ facts: [...engine.facts()], rules: [SILENT], now: () => now })
  sameChecks({ ...scene, engine: ruled, actors: random.some(actors, 8, 8) })
  for (const actor of random.some(actors, 8, 8)) {
    for (const permission of random.some(permissions, 8, 8)) {
      const [first, second] = [engine, again].map((each) =>
        withoutTimes(each.scan(actor, permission, { now })),
      )
      same('reopened: readings', second, first, { actor, permission })
      const [left, right] = [engine, again].map((each) => each.claims(actor, permission, { now }).pathways)
      same('reopened: claims', right, left, { actor, permission })
    }
  }
}

/** Drops batches, changes and facts as long as the same kind of difference remains. */
function shrink(world: World, problem: Problem, sample: number): [World, Problem] {
  let smallest = world
  let shown = problem
  const keeps = (candidate: World): boolean => {
    for (const each of [sample, Infinity]) {
      const found = problemOf(candidate, each)
      if (found?.about === problem.about) {
        smallest = candidate
        shown = found
        return true
      }
      if (candidate.facts.length > 25) return false
    }
    return false
  }
  for (let before = ''; before !== JSON.stringify(smallest);) {
    before = JSON.stringify(smallest)
    for (let at = smallest.batches.length - 1; at >= 0; at--)
      keeps({ ...smallest, batches: smallest.batches.toSpliced(at, 1) })
    for (let at = smallest.batches.length - 1; at >= 0; at--) {
      for (let place = (smallest.batches[at]?.length ?? 0) - 1; place >= 0; place--) {
        const batch = smallest.batches[at]?.toSpliced(place, 1) ?? []
        keeps({ ...smallest, batches: smallest.batches.with(at, batch) })
      }
    }
    for (let at = smallest.facts.length - 1; at >= 0; at--) {
      const facts = smallest.facts.toSpliced(at, 1)
      keeps({ ...smallest, facts: standing(facts) })
    }
  }
  return [smallest, shown]
}

/** Without what names something that is not there. */
function standing(facts: readonly Fact[]): Fact[] {
  const found: Fact[] = []
  for (const fact of facts) {
    const after = afterwards({ facts: found, retired: new Set() }, [{ add: fact }])
    if (typeof after !== 'string' && !found.some((each) => textOfKey(each) === textOfKey(fact)))
      found.push(fact)
  }
  return found
}
