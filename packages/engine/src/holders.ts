import type { Holder, PathwayStep } from './answer.ts'
import { NONE } from './columns.ts'
import { invariant } from './errors.ts'
import { KIND_APP, KIND_GROUP, KIND_TOKEN, KIND_USER, KIND_USER_APP } from './parties.ts'
import { ask, type Inquiry } from './inquiry.ts'
import { compareText, namespaceOf } from './permission.ts'
import { BUILT_IN_IMPLICATORS, speaksOf } from './rule-book.ts'

/** How somebody came to a permission: by right, or through whoever is next. */
interface Support {
  readonly actor: string
  readonly permission: string
  readonly via: string
  readonly restsOn: Support | undefined
}

/** A link over one string of the explosion, waiting for its issuer to hold it. */
interface Waiting {
  readonly place: number
  readonly deliver: (on: Support) => void
}

/**
 * Everyone who holds a permission, found forwards: from those who hold something of its explosion by right, along
 * the grants over it, each delivered once its issuer holds it.
 *
 * @returns by party string, unordered, `system` left out; each with how they came to it first
 */
export function findHolders(
  inquiry: Inquiry,
  canonical: string,
): { holders: Map<string, Support>; incomplete: boolean } {
  const { strings, nodes } = inquiry.explode(canonical)
  const places = new Map(strings.map((each, place) => [each, place]))
  // covers[i]: the places whose permission is held by whoever holds that at i.
  const covers: number[][] = strings.map(() => [])
  for (const [place, each] of strings.entries()) {
    for (const stronger of inquiry.explode(each).strings) covers[places.get(stronger)!]!.push(place)
  }

  const supports = new Map<string, (Support | undefined)[]>()
  const pending: { support: Support; place: number }[] = []
  const hold = (actor: string, place: number, via: string, restsOn: Support | undefined): void => {
    let held = supports.get(actor)
    if (held === undefined) {
      if (!inquiry.isLive(inquiry.actor(actor))) return
      supports.set(actor, (held = []))
    }
    if (held[place] !== undefined) return
    const support = { actor, permission: strings[place]!, via, restsOn }
    held[place] = support
    pending.push({ support, place })
  }

  const { waiting, incomplete } = collectLinks(inquiry, strings, nodes, hold)
  seedOptions(inquiry, strings, hold)
  for (const { support, place } of pending) {
    for (const token of fullTokensOf(inquiry, support.actor)) hold(token, place, 'access-token', support)
    const byPlace = waiting.get(support.actor)
    if (byPlace === undefined) continue
    for (const covered of covers[place]!) {
      const links = byPlace.get(covered)
      if (links === undefined) continue
      byPlace.delete(covered)
      for (const { deliver } of links) deliver(support)
    }
  }

  const holders = new Map<string, Support>()
  for (const { support } of pending)
    if (support.actor !== 'system' && !holders.has(support.actor)) holders.set(support.actor, support)
  return { holders, incomplete: incomplete || !canListOptions(inquiry, strings) }
}

type Hold = (actor: string, place: number, via: string, restsOn: Support | undefined) => void

/** Every active link over the explosion, by issuer and place. */
function collectLinks(
  inquiry: Inquiry,
  strings: readonly string[],
  nodes: readonly number[],
  hold: Hold,
): { waiting: Map<string, Map<number, Waiting[]>>; incomplete: boolean } {
  const { index, now } = inquiry
  const waiting = new Map<string, Map<number, Waiting[]>>()
  const wait = (issuer: string, link: Waiting): void => {
    let byPlace = waiting.get(issuer)
    if (byPlace === undefined) waiting.set(issuer, (byPlace = new Map<number, Waiting[]>()))
    const links = byPlace.get(link.place)
    if (links === undefined) byPlace.set(link.place, [link])
    else links.push(link)
  }
  for (const [place, node] of nodes.entries()) {
    if (node === NONE) continue
    for (const grant of inKeyOrder(index, node)) {
      if (now >= index.expiryOf(grant)) continue
      const issuer = index.grantIssuer.get(grant)
      const holder = index.grantHolder.get(grant)
      wait(index.partyText[issuer]!, {
        place,
        deliver: (on) => deliver(inquiry, holder, issuer, place, on, hold),
      })
    }
  }
  let incomplete = false
  for (const rule of inquiry.rules.scanners) {
    for (const [place, permission] of strings.entries()) {
      if (!speaksOf(rule, namespaceOf(permission))) continue
      if (rule.holdersOf === undefined) {
        incomplete = true
        break
      }
      for (const { holder, issuer } of ask(rule, () => [...rule.holdersOf!(permission, inquiry.setting)])) {
        wait(issuer, { place, deliver: (on) => hold(holder, place, rule.id, on) })
      }
    }
  }
  return { waiting, incomplete }
}

/** The grants of one string by issuer, then holder: which pathway is shown must not depend on which grant came first. */
function inKeyOrder(index: Inquiry['index'], node: number): number[] {
  const textOf = (party: number): string => index.partyText[party]!
  return [...index.grantsOn.of(node)].sort(
    (a, b) =>
      compareText(textOf(index.grantIssuer.get(a)), textOf(index.grantIssuer.get(b))) ||
      compareText(textOf(index.grantHolder.get(a)), textOf(index.grantHolder.get(b))),
  )
}

/** Hands a grant whose issuer holds it to everyone it reaches. */
function deliver(
  inquiry: Inquiry,
  holder: number,
  issuer: number,
  place: number,
  on: Support,
  hold: Hold,
): void {
  const { index } = inquiry
  const text = index.partyText[holder]!
  switch (index.kind.get(holder)) {
    case KIND_USER:
      return hold(text, place, 'user', on)
    case KIND_GROUP:
      for (const user of index.byText(index.usersIn(holder)))
        hold(index.partyText[user]!, place, 'user-group', on)
      return
    case KIND_USER_APP:
      return hold(text, place, 'user-app', on)
    case KIND_TOKEN:
      if (index.base.get(holder) === issuer) hold(text, place, 'access-token', on)
      return
    default:
      invariant(index.kind.get(holder) === KIND_APP, 'a grant is held by who cannot hold one')
      hold(text, place, 'app', on)
      if (index.base.get(holder) !== issuer) return
      for (const user of index.byText(index.allUsers()))
        hold(`${index.partyText[user]!}/${text}`, place, 'app-owner', on)
  }
}

function seedOptions(inquiry: Inquiry, strings: readonly string[], hold: Hold): void {
  for (const [place, permission] of strings.entries()) {
    hold('system', place, 'option', undefined)
    for (const rule of BUILT_IN_IMPLICATORS)
      for (const actor of rule.holdersOf(permission, inquiry.index)) hold(actor, place, 'option', undefined)
    for (const rule of inquiry.rules.implicators) {
      if (!speaksOf(rule, namespaceOf(permission)) || rule.holdersOf === undefined) continue
      for (const actor of ask(rule, () => [...rule.holdersOf!(permission, inquiry.setting)])) {
        // The list only says where to look: what counts is that the rule says so of this actor.
        const kind = ask(rule, () => inquiry.actor(actor)).kind
        if (!(rule.actors ?? ['user']).includes(kind)) continue
        if (ask(rule, () => rule.implies(actor, permission, inquiry.setting)) !== undefined)
          hold(actor, place, 'option', undefined)
      }
    }
  }
}

function canListOptions(inquiry: Inquiry, strings: readonly string[]): boolean {
  return inquiry.rules.implicators.every(
    (rule) => rule.holdersOf !== undefined || !strings.some((each) => speaksOf(rule, namespaceOf(each))),
  )
}

function* fullTokensOf(inquiry: Inquiry, actor: string): Generator<string> {
  const { index } = inquiry
  const row = index.parties.get(actor)
  // What belongs to `system` are groups and apps; it issues no tokens.
  if (row === undefined || actor === 'system') return
  const kind = index.kind.get(row)
  if (kind !== KIND_USER && kind !== KIND_USER_APP) return
  for (const token of index.belongsTo.of(row))
    if (index.kind.get(token) === KIND_TOKEN && index.isFullToken(token)) yield index.partyText[token]!
}

/** A holder, with the pathway to one who holds by right. */
export function holderOf(support: Support): Holder {
  const pathway: PathwayStep[] = []
  for (let at: Support | undefined = support; at !== undefined; at = at.restsOn)
    pathway.push({ actor: at.actor, permission: at.permission, via: at.via })
  return { actor: support.actor, pathway }
}
