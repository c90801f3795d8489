import type { PathNode, Reading, ReadingNode } from './answer.ts'
import { NONE } from './columns.ts'
import { KIND_USER_APP } from './parties.ts'
import type { ActorRef, FoundLink, FoundOption, Inquiry } from './inquiry.ts'
import { LIMITS } from './limits.ts'
import { circleOf, HIDDEN, seenStrings } from './redact.ts'
import { activeStates, type Edge, restingStates, type State } from './walk.ts'

/**
 * The reading: the tree of all live pathways, as `permissions.md` section 5 describes it. The graph they span is
 * walked once; the tree is then unfolded from it, depth first, on a stack of its own, so that no pathway is too long.
 *
 * @param permissions - as asked; rewritten here, so that the reading can say so
 * @param stopwatch - milliseconds, from anywhere on
 * @param canonical - what they become, where somebody else's sight decides that
 */
export function scan(
  inquiry: Inquiry,
  actorText: string,
  permissions: readonly string[],
  stopwatch: () => number,
  canonical: readonly string[] = permissions.map((each) => inquiry.canonical(each)),
): Reading {
  const actor = inquiry.actor(actorText)
  const unfolding = new Unfolding(inquiry, actor, stopwatch)
  if (actor.kind === 'system') unfolding.addSystem(canonical[0])
  else unfolding.addAll(permissions, canonical)
  return unfolding.finish()
}

/** One reading being filled: what is left to do in it. */
interface Frame {
  readonly nodes: ReadingNode[]
  readonly actor: ActorRef
  readonly started: number
  /** Links to unfold. */
  pending: readonly Edge[]
  next: number
  /** States from which an option can be reached without passing an actor on the pathway here; found when first needed. */
  open: ReadonlySet<State> | undefined
  /** Everything from here on is behind a link the viewer may not see. */
  readonly isHidden: boolean
}

class Unfolding {
  private readonly inquiry: Inquiry
  private readonly stopwatch: () => number
  private readonly circle: ((party: string) => boolean) | undefined
  private readonly root: Frame
  /** Actors on the pathway to the current frame, by number. */
  private readonly passed = new Set<number>()
  /** Of the question that is being unfolded. */
  private states: readonly State[] = []
  private restingOn: ReturnType<typeof restingStates> | undefined
  /** Nodes that may still be added, what open frames need to end being set aside. */
  private budget: number = LIMITS.readingNodesMax

  constructor(inquiry: Inquiry, actor: ActorRef, stopwatch: () => number) {
    this.inquiry = inquiry
    this.stopwatch = stopwatch
    this.circle = circleOf(inquiry)
    this.root = this.open(actor, false)
  }

  addSystem(first: string | undefined): void {
    if (first !== undefined)
      this.add(this.root, { $: 'option', permission: first, source: 'implied', by: 'is-system', data: {} })
  }

  addAll(asked: readonly string[], canonical: readonly string[]): void {
    const { root, inquiry } = this
    this.passed.add(root.actor.number)
    const scanned = new Set<string>()
    for (const [i, permission] of canonical.entries()) {
      this.states = activeStates(inquiry, root.actor.text, permission)
      this.restingOn = undefined
      const state = this.states[0]!
      const isNew = ({ permission: held }: FoundOption | FoundLink): boolean => !scanned.has(held)
      const options = scanned.size === 0 ? state.options : state.options.filter(isNew)
      if (asked[i] !== permission) this.add(root, { $: 'rewrite', from: asked[i]!, to: permission })
      if (!this.addBeginning(root, state, options)) return
      root.pending = scanned.size === 0 ? state.links : state.links.filter(({ link }) => isNew(link))
      root.next = 0
      root.open = undefined
      if (!this.unfold()) return
      if (i + 1 < canonical.length) for (const each of state.explosion.strings) scanned.add(each)
    }
  }

  finish(): Reading {
    this.close(this.root)
    return this.root.nodes
  }

  /** Unfolds what is pending in the root and all beneath it. False when the reading is full. */
  private unfold(): boolean {
    const frames = [this.root]
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      const entered = this.enterNext(frame)
      if (entered === 'full') {
        if (frame === this.root) return false
      } else if (entered !== undefined) {
        frames.push(entered)
        continue
      }
      frames.pop()
      if (frame === this.root) return true
      this.passed.delete(frame.actor.number)
      this.close(frame)
    }
    return true
  }

  /** The frame of the next live link; undefined when there is none left. */
  private enterNext(frame: Frame): Frame | 'full' | undefined {
    for (; frame.next < frame.pending.length; frame.next++) {
      const edge = frame.pending[frame.next]!
      if (!this.isLive(frame, edge.to)) continue
      const { to } = edge
      const isSystem = to.actor.kind === 'system'
      const options = isSystem ? to.options.slice(0, 1) : to.options
      // The path, how its reading begins, and what ends it.
      const cost = 1 + (to.explosion.strings.length > 1 ? 1 : 0) + options.length + FRAME_ENDS
      if (cost > this.budget) {
        const left = frame.pending.slice(frame.next).filter((each) => this.isLive(frame, each.to))
        frame.nodes.push({
          $: 'truncated',
          reason: `a reading has at most ${LIMITS.readingNodesMax} nodes`,
          omitted: left.length,
        })
        return 'full'
      }
      frame.next++
      return this.enter(frame, edge, options)
    }
    return undefined
  }

  private enter(frame: Frame, { link, to }: Edge, options: readonly FoundOption[]): Frame {
    const isHidden =
      frame.isHidden || (this.circle !== undefined && !this.circle(link.holder) && !this.circle(link.issuer))
    const inner = this.open(to.actor, isHidden)
    this.add(frame, isHidden ? hiddenPath(inner.nodes) : this.pathOf(frame, link, inner.nodes))
    if (to.actor.kind !== 'system') {
      this.passed.add(to.actor.number)
      inner.pending = to.links
      this.addBeginning(inner, to, options)
    } else {
      for (const { permission, by, data } of options)
        this.add(inner, isHidden ? HIDDEN_OPTION : { $: 'option', permission, source: 'implied', by, data })
    }
    return inner
  }

  /** What the strings explode to, and the options among them. */
  private addBeginning(frame: Frame, state: State, options: readonly FoundOption[]): boolean {
    const strings = frame.isHidden ? [] : this.stringsOf(state)
    if (strings.length > 1) this.add(frame, { $: 'explode', from: state.permission, to: strings })
    for (const [i, { permission, by, data }] of options.entries()) {
      if (this.budget <= 0) {
        frame.nodes.push({
          $: 'truncated',
          reason: `a reading has at most ${LIMITS.readingNodesMax} nodes`,
          omitted: options.length - i,
        })
        return false
      }
      this.add(
        frame,
        frame.isHidden ? HIDDEN_OPTION : { $: 'option', permission, source: 'implied', by, data },
      )
    }
    return true
  }

  private stringsOf({ permission, explosion: { strings } }: State): readonly string[] {
    return this.circle === undefined ? strings : seenStrings(this.inquiry, permission, strings)
  }

  /**
   * Whether an option can be reached from a state without passing an actor twice. The shortest way does it nearly
   * always; only where somebody on it was passed already are the others looked for, once for all links of a frame.
   */
  private isLive(frame: Frame, to: State): boolean {
    if (!to.isLive || this.passed.has(to.actor.number)) return false
    let at: State | undefined = to
    while (at !== undefined && !this.passed.has(at.actor.number)) at = at.towards
    if (at === undefined) return true
    frame.open ??= this.statesWithWayOut()
    return frame.open.has(to)
  }

  /** Backwards from the options, around those who were passed. */
  private statesWithWayOut(): Set<State> {
    const found = new Set<State>()
    this.restingOn ??= restingStates(this.states)
    for (const state of this.states)
      if (state.options.length > 0 && !this.passed.has(state.actor.number)) found.add(state)
    // The set grows while it is walked: a queue.
    for (const state of found)
      for (const resting of this.restingOn[state.place] ?? [])
        if (!this.passed.has(resting.actor.number)) found.add(resting)
    return found
  }

  private pathOf(frame: Frame, link: FoundLink, reading: Reading): PathNode {
    const { index } = this.inquiry
    const group = link.groups?.at(-1)
    const path: Unfinished = {
      $: 'path',
      via: link.via,
      has_terminal: true,
      permission: link.permission,
      data: link.extra,
    }
    // In this order, which is the order in which they are written out.
    if (group !== undefined) path.group = group
    path.holder_username = this.usernameOf(frame.actor, link)
    path.issuer_username = link.issuerRow === NONE ? link.issuer : index.partyName(link.issuerRow)
    if (PARTY_VIAS.has(link.via)) {
      path.holder = link.holder
      path.issuer = link.issuer
    }
    path.reading = reading
    return path as PathNode
  }

  /** The name of whoever holds, of a member where a group does; of an app acting for a person, that person's. */
  private usernameOf(actor: ActorRef, link: FoundLink): string {
    const { index } = this.inquiry
    const isActors = link.grant === NONE || link.groups !== undefined
    let row = isActors ? actor.row : index.grantHolder.get(link.grant)
    if (row === NONE) row = index.parties.get(actor.text.slice(0, actor.text.indexOf('/'))) ?? NONE
    else if (index.kind.get(row) === KIND_USER_APP) row = index.base.get(row)
    return row === NONE ? actor.text : index.partyName(row)
  }

  private open(actor: ActorRef, isHidden: boolean): Frame {
    this.budget -= FRAME_ENDS
    return { nodes: [], actor, started: this.stopwatch(), pending: [], next: 0, open: undefined, isHidden }
  }

  private close(frame: Frame): void {
    frame.nodes.push({ $: 'time', value: Math.max(0, this.stopwatch() - frame.started) })
    if (frame.nodes.at(-2)?.$ !== 'truncated') this.budget++
  }

  private add(frame: Frame, node: ReadingNode): void {
    this.budget--
    frame.nodes.push(node)
  }
}

type Unfinished = { -readonly [Field in keyof PathNode]?: PathNode[Field] }

/** Every reading ends with its time, and may have to say that it was cut. */
const FRAME_ENDS = 2

const PARTY_VIAS: ReadonlySet<string> = new Set(['user-app', 'app-owner', 'app', 'access-token'])

const HIDDEN_OPTION: ReadingNode = {
  $: 'option',
  permission: HIDDEN,
  source: 'implied',
  by: HIDDEN,
  data: {},
}

/** That something stands, and nothing of what. */
function hiddenPath(reading: Reading): PathNode {
  return {
    $: 'path',
    via: HIDDEN,
    has_terminal: true,
    permission: HIDDEN,
    data: {},
    holder_username: HIDDEN,
    issuer_username: HIDDEN,
    reading,
  }
}

/** Whether a reading says yes. A truncated one does so by its paths, which are live by construction. */
export function hasOption(reading: Reading): boolean {
  return reading.some((node) => node.$ === 'option' || node.$ === 'path')
}
