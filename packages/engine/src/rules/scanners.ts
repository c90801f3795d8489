import { NONE } from '../columns.ts'
import type { PartyKind } from '../actor.ts'
import type { FactsIndex } from '../facts-index.ts'
import type { ActorRef, Explosion, FoundLink } from '../inquiry.ts'
import { compareText } from '../permission.ts'

/**
 * The built-in scanners, in the order they run. `implied` comes first and finds options rather than links; the
 * inquiry asks the implicators itself.
 */
interface BuiltInScanner {
  readonly kind: 'scanner'
  readonly id: string
  readonly doc: string
  /** Links over one of these permissions that reach this actor, whoever stands behind them, expired ones included. */
  find(actor: ActorRef, explosion: Explosion, index: FactsIndex): readonly FoundLink[]
}

const implied: BuiltInScanner = {
  kind: 'scanner',
  id: 'implied',
  doc: 'options: what an implicator says the actor holds by right',
  find: () => [],
}

const userUser: BuiltInScanner = {
  kind: 'scanner',
  id: 'user-user',
  doc: 'grants to the user',
  find: (actor, explosion, index) => grantsTo(actor.row, 'user', explosion, index),
}

const userGroup: BuiltInScanner = {
  kind: 'scanner',
  id: 'user-group',
  doc: 'grants to a group the user is in, directly or through groups',
  find(actor, explosion, index) {
    if (actor.row === NONE) return []
    // Most strings have no grant to any group: who is in what is worked out when the first turns up.
    let closure: Map<number, number> | undefined
    const links: FoundLink[] = []
    const add = (grant: number, place: number): void => {
      links.push(groupLink(grant, place, closure!, actor, explosion, index))
    }
    const { nodes } = explosion
    for (let place = 0; place < nodes.length; place++) {
      const node = nodes[place]!
      if (node === NONE) continue
      const crowd = index.crowdOn(node)
      if (crowd !== undefined) {
        closure ??= index.groupClosure(actor.row)
        for (const group of closure.keys()) for (const grant of crowd.get(group) ?? []) add(grant, place)
        continue
      }
      for (let grant = index.grantsOn.first(node); grant !== NONE; grant = index.grantsOn.after(grant)) {
        if (!index.isToGroup(grant)) continue
        closure ??= index.groupClosure(actor.row)
        if (closure.has(index.grantHolder.get(grant))) add(grant, place)
      }
    }
    return inOrder(links)
  },
}

const userApp: BuiltInScanner = {
  kind: 'scanner',
  id: 'user-app',
  doc: 'grants from a user to an app acting for that user',
  find: (actor, explosion, index) => grantsTo(actor.row, 'user-app', explosion, index),
}

const appOwner: BuiltInScanner = {
  kind: 'scanner',
  id: 'app-owner',
  doc: "grants from an app's owner to the app, for every user of it",
  find(actor, explosion, index) {
    const owner = actor.app === NONE ? NONE : index.base.get(actor.app)
    return grantsTo(actor.app, 'app-owner', explosion, index).filter((link) => link.issuerRow === owner)
  },
}

const app: BuiltInScanner = {
  kind: 'scanner',
  id: 'app',
  doc: 'grants to an app as itself',
  find: (actor, explosion, index) => grantsTo(actor.row, 'app', explosion, index),
}

const accessToken: BuiltInScanner = {
  kind: 'scanner',
  id: 'access-token',
  doc: 'grants to a token, or all its issuer holds when it was made for full access',
  find(actor, explosion, index) {
    if (actor.row === NONE) return []
    const issuer = index.base.get(actor.row)
    const links = grantsTo(actor.row, 'access-token', explosion, index).filter(
      (link) => link.issuerRow === issuer,
    )
    if (!index.isFullToken(actor.row)) return links
    const issuerText = index.partyText[issuer]!
    return [
      {
        via: 'access-token',
        place: 0,
        permission: explosion.strings[0]!,
        issuer: issuerText,
        issuerRow: issuer,
        holder: actor.text,
        grant: NONE,
        extra: {},
      },
      ...links,
    ]
  },
}

export const SCANNERS: readonly BuiltInScanner[] = [
  implied,
  userUser,
  userGroup,
  userApp,
  appOwner,
  app,
  accessToken,
]

/** Those that find links for a kind of actor, in the same order. */
export const SCANNERS_OF: Readonly<Record<PartyKind, readonly BuiltInScanner[]>> = {
  system: [],
  user: [userUser, userGroup],
  group: [],
  app: [app],
  token: [accessToken],
  'user-app': [userApp, appOwner],
}

function grantsTo(holder: number, via: string, explosion: Explosion, index: FactsIndex): FoundLink[] {
  const links: FoundLink[] = []
  if (holder === NONE) return links
  const add = (grant: number, place: number): void => {
    links.push(grantLink(grant, via, place, explosion, index))
  }
  const { nodes } = explosion
  for (let place = 0; place < nodes.length; place++) {
    const node = nodes[place]!
    if (node === NONE) continue
    const crowd = index.crowdOn(node)
    if (crowd !== undefined) {
      for (const grant of crowd.get(holder) ?? []) add(grant, place)
      continue
    }
    for (let grant = index.grantsOn.first(node); grant !== NONE; grant = index.grantsOn.after(grant))
      if (index.grantHolder.get(grant) === holder) add(grant, place)
  }
  return inOrder(links)
}

function groupLink(
  grant: number,
  place: number,
  closure: Map<number, number>,
  actor: ActorRef,
  explosion: Explosion,
  index: FactsIndex,
): FoundLink {
  const groups: string[] = []
  for (let group = index.grantHolder.get(grant); group !== actor.row; group = closure.get(group)!) {
    groups.push(index.partyText[group]!.slice('group:'.length))
  }
  return { ...grantLink(grant, 'user-group', place, explosion, index), groups: groups.toReversed() }
}

function grantLink(
  grant: number,
  via: string,
  place: number,
  explosion: Explosion,
  index: FactsIndex,
): FoundLink {
  const issuerRow = index.grantIssuer.get(grant)
  return {
    via,
    place,
    permission: explosion.strings[place]!,
    issuer: index.partyText[issuerRow]!,
    issuerRow,
    holder: index.partyText[index.grantHolder.get(grant)]!,
    grant,
    extra: index.grantExtra(grant),
  }
}

/** By place in the explosion, issuer, holder. */
export function inOrder(links: FoundLink[]): FoundLink[] {
  return links.length < 2
    ? links
    : links.sort(
        (a, b) => a.place - b.place || compareText(a.issuer, b.issuer) || compareText(a.holder, b.holder),
      )
}
