import type { PathNode, Reading, ReadingNode } from './answer.ts'
import { NONE } from './columns.ts'
import type { FoundOption, Inquiry } from './inquiry.ts'
import { LIMITS } from './limits.ts'
import { circleOf, HIDDEN } from './redact.ts'
import { activeStates, liveStates, type State } from './walk.ts'

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
  const unfolding = new Unfolding(inquiry, stopwatch)
  if (inquiry.actor(actorText).kind === 'system') unfolding.addSystem(canonical[0])
  else unfolding.addAll(actorText, permissions, canonical)
  return unfolding.finish()
}

/** One reading being filled: what is left to do in it. */
interface Frame {
  readonly nodes: ReadingNode[]
  readonly actor: string
  readonly started: number
  /** Links to unfold, with where they lead. */
  pending: { readonly edge: State['links'][number]; readonly live: ReadonlyMap<State, State | undefined> }[]
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
  /** Actors on the pathway to the current frame. */
  private readonly passed = new Set<string>()
  private readonly reversed = new Map<ReadonlyMap<State, unknown>, Map<State, State[]>>()
  /** Nodes that may still be added, what open frames need to end being set aside. */
  private budget: number = LIMITS.readingNodesMax

  constructor(inquiry: Inquiry, stopwatch: () => number) {
    this.inquiry = inquiry
    this.stopwatch = stopwatch
    this.circle = circleOf(inquiry)
    this.root = this.open('', false)
  }

  addSystem(first: string | undefined): void {
    if (first !== undefined)
      this.add(this.root, { $: 'option', permission: first, source: 'implied', by: 'is-system', data: {} })
  }

  addAll(actorText: string, asked: readonly string[], canonical: readonly string[]): void {
    const { root, inquiry } = this
    this.passed.add(actorText)
    const scanned = new Set<string>()
    for (const [i, permission] of canonical.entries()) {
      const states = activeStates(inquiry, actorText, permission)
      const state = states[0]!
      const options = state.options.filter((option) => !scanned.has(option.permission))
      if (asked[i] !== permission) this.add(root, { $: 'rewrite', from: asked[i]!, to: permission })
      if (!this.addBeginning(root, state, options)) return
      const live = liveStates(states)
      root.pending = state.links
        .filter(({ link }) => !scanned.has(link.permission))
        .map((edge) => ({ edge, live }))
      root.next = 0
      root.open = undefined
      if (!this.unfold()) return
      for (const each of state.explosion.strings) scanned.add(each)
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
      this.passed.delete(frame.actor)
      this.close(frame)
    }
    return true
  }

  /** The frame of the next live link; undefined when there is none left. */
  private enterNext(frame: Frame): Frame | 'full' | undefined {
    for (; frame.next < frame.pending.length; frame.next++) {
      const { edge, live } = frame.pending[frame.next]!
      if (!this.isLive(frame, edge.to, live)) continue
      const { to } = edge
      const isSystem = to.actor.kind === 'system'
      const options = isSystem ? to.options.slice(0, 1) : to.options
      // The path, how its reading begins, and what ends it.
      const cost = 1 + (to.explosion.strings.length > 1 ? 1 : 0) + options.length + FRAME_ENDS
      if (cost > this.budget) {
        const left = frame.pending
          .slice(frame.next)
          .filter((each) => this.isLive(frame, each.edge.to, each.live))
        frame.nodes.push({
          $: 'truncated',
          reason: `a reading has at most ${LIMITS.readingNodesMax} nodes`,
          omitted: left.length,
        })
        return 'full'
      }
      frame.next++
      return this.enter(frame, edge, live, options)
    }
    return undefined
  }

  private enter(
    frame: Frame,
    edge: State['links'][number],
    live: ReadonlyMap<State, State | undefined>,
    options: readonly FoundOption[],
  ): Frame {
    const { link, to } = edge
    const isHidden =
      frame.isHidden || (this.circle !== undefined && !this.circle(link.holder) && !this.circle(link.issuer))
    const inner = this.open(to.actor.text, isHidden)
    this.add(frame, isHidden ? hiddenPath(inner.nodes) : this.pathOf(frame, edge, inner.nodes))
    if (to.actor.kind !== 'system') {
      this.passed.add(to.actor.text)
      inner.pending = to.links.map((each) => ({ edge: each, live }))
      this.addBeginning(inner, to, options)
    } else {
      for (const { permission, by, data } of options)
        this.add(inner, isHidden ? HIDDEN_OPTION : { $: 'option', permission, source: 'implied', by, data })
    }
    return inner
  }

  /** What the strings explode to, and the options among them. */
  private addBeginning(frame: Frame, state: State, options: readonly FoundOption[]): boolean {
    const { strings } = state.explosion
    if (strings.length > 1 && !frame.isHidden)
      this.add(frame, { $: 'explode', from: state.permission, to: strings })
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

  /**
   * Whether an option can be reached from a state without passing an actor twice. The shortest way does it nearly
   * always; only where somebody on it was passed already are the others looked for, once for all links of a frame.
   */
  private isLive(frame: Frame, to: State, live: ReadonlyMap<State, State | undefined>): boolean {
    if (!live.has(to) || this.passed.has(to.actor.text)) return false
    let at: State | undefined = to
    while (at !== undefined && !this.passed.has(at.actor.text)) at = live.get(at)
    if (at === undefined) return true
    frame.open ??= this.statesWithWayOut(live)
    return frame.open.has(to)
  }

  /** Backwards from the options, around those who were passed. */
  private statesWithWayOut(live: ReadonlyMap<State, State | undefined>): Set<State> {
    const found = new Set<State>()
    const restingOn = this.restingOn(live)
    for (const state of live.keys())
      if (state.options.length > 0 && !this.passed.has(state.actor.text)) found.add(state)
    // The set grows while it is walked: a queue.
    for (const state of found)
      for (const resting of restingOn.get(state) ?? [])
        if (!this.passed.has(resting.actor.text)) found.add(resting)
    return found
  }

  /** The links of one question the other way round. */
  private restingOn(live: ReadonlyMap<State, State | undefined>): ReadonlyMap<State, readonly State[]> {
    let restingOn = this.reversed.get(live)
    if (restingOn !== undefined) return restingOn
    this.reversed.set(live, (restingOn = new Map<State, State[]>()))
    for (const state of live.keys()) {
      for (const { to } of state.links) {
        const resting = restingOn.get(to)
        if (resting === undefined) restingOn.set(to, [state])
        else resting.push(state)
      }
    }
    return restingOn
  }

  private pathOf(frame: Frame, { link }: State['links'][number], reading: Reading): PathNode {
    const { index } = this.inquiry
    const group = link.groups?.at(-1)
    const actor = frame === this.root ? [...this.passed][0]! : frame.actor
    return {
      $: 'path',
      via: link.via,
      has_terminal: true,
      permission: link.permission,
      data: link.extra,
      ...(group !== undefined && { group }),
      holder_username: this.usernameOf(group === undefined ? link.holder : actor),
      issuer_username: link.issuerRow === NONE ? link.issuer : index.partyName(link.issuerRow),
      ...(PARTY_VIAS.has(link.via) && { holder: link.holder, issuer: link.issuer }),
      reading,
    }
  }

  /** The person's name; of an app acting for a person, that person's. */
  private usernameOf(party: string): string {
    const { index } = this.inquiry
    const row = index.parties.get(party.includes('/') ? party.slice(0, party.indexOf('/')) : party)
    return row === undefined ? party : index.partyName(row)
  }

  private open(actor: string, isHidden: boolean): Frame {
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
