import { NONE } from '../columns.ts'
import { KIND_GROUP, type FactsIndex } from '../facts-index.ts'
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
  find(actor: ActorRef, explosion: Explosion, index: FactsIndex): FoundLink[]
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
  find: (actor, explosion, index) =>
    actor.kind === 'user' ? grantsTo(actor.row, 'user', explosion, index) : [],
}

const userGroup: BuiltInScanner = {
  kind: 'scanner',
  id: 'user-group',
  doc: 'grants to a group the user is in, directly or through groups',
  find(actor, explosion, index) {
    if (actor.kind !== 'user' || actor.row === NONE) return []
    // Most strings have no grant to any group: who is in what is worked out when the first turns up.
    let closure: Map<number, number> | undefined
    const links: FoundLink[] = []
    for (const [place, node] of explosion.nodes.entries()) {
      if (node === NONE) continue
      const crowd = index.crowds.get(node)
      if (crowd !== undefined) {
        closure ??= index.groupClosure(actor.row)
        for (const group of closure.keys())
          for (const grant of crowd.get(group) ?? [])
            links.push(groupLink(grant, place, closure, actor, index))
        continue
      }
      for (const grant of index.grantsOn.of(node)) {
        const holder = index.grantHolder.get(grant)
        if (index.kind.get(holder) !== KIND_GROUP) continue
        closure ??= index.groupClosure(actor.row)
        if (closure.has(holder)) links.push(groupLink(grant, place, closure, actor, index))
      }
    }
    return inOrder(links)
  },
}

const userApp: BuiltInScanner = {
  kind: 'scanner',
  id: 'user-app',
  doc: 'grants from a user to an app acting for that user',
  find: (actor, explosion, index) =>
    actor.kind === 'user-app' ? grantsTo(actor.row, 'user-app', explosion, index) : [],
}

const appOwner: BuiltInScanner = {
  kind: 'scanner',
  id: 'app-owner',
  doc: "grants from an app's owner to the app, for every user of it",
  find(actor, explosion, index) {
    if (actor.kind !== 'user-app') return []
    const owner = index.base.get(actor.app)
    return grantsTo(actor.app, 'app-owner', explosion, index).filter((link) => link.issuerRow === owner)
  },
}

const app: BuiltInScanner = {
  kind: 'scanner',
  id: 'app',
  doc: 'grants to an app as itself',
  find: (actor, explosion, index) =>
    actor.kind === 'app' ? grantsTo(actor.row, 'app', explosion, index) : [],
}

const accessToken: BuiltInScanner = {
  kind: 'scanner',
  id: 'access-token',
  doc: 'grants to a token, or all its issuer holds when it was made for full access',
  find(actor, explosion, index) {
    if (actor.kind !== 'token' || actor.row === NONE) return []
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

function grantsTo(holder: number, via: string, explosion: Explosion, index: FactsIndex): FoundLink[] {
  if (holder === NONE) return []
  const links: FoundLink[] = []
  for (const [place, node] of explosion.nodes.entries()) {
    if (node === NONE) continue
    for (const grant of index.grantsOf(node, holder)) links.push(grantLink(grant, via, place, index))
  }
  return inOrder(links)
}

function groupLink(
  grant: number,
  place: number,
  closure: Map<number, number>,
  actor: ActorRef,
  index: FactsIndex,
): FoundLink {
  const groups: string[] = []
  for (let group = index.grantHolder.get(grant); group !== actor.row; group = closure.get(group)!) {
    groups.push(index.partyText[group]!.slice('group:'.length))
  }
  return { ...grantLink(grant, 'user-group', place, index), groups: groups.toReversed() }
}

function grantLink(grant: number, via: string, place: number, index: FactsIndex): FoundLink {
  const issuerRow = index.grantIssuer.get(grant)
  return {
    via,
    place,
    permission: index.permissionOf(index.grantNode.get(grant)),
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
