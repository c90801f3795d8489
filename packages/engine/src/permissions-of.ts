import type { HeldPermission } from './answer.ts'
import { NONE } from './columns.ts'
import type { ActorRef, Inquiry } from './inquiry.ts'
import { ask } from './inquiry.ts'
import { compareText, isAtOrBeneath, namespaceOf } from './permission.ts'
import { BUILT_IN_IMPLICATORS } from './rule-book.ts'

/**
 * The strings of the options and live grants that reach an actor, and lie beneath the prefix or cover it: what the
 * actor holds is what these cover.
 *
 * @returns ordered by permission
 */
export function findPermissions(
  inquiry: Inquiry,
  actorText: string,
  prefix: string | undefined,
): { items: HeldPermission[]; incomplete: boolean } {
  const { found, incomplete } = collectPermissions(inquiry, actorText, prefix)
  const items = [...found].map(([permission, source]) => ({ permission, source }))
  return { items: items.sort((a, b) => compareText(a.permission, b.permission)), incomplete }
}

/** The same by permission, in any order. */
export function collectPermissions(
  inquiry: Inquiry,
  actorText: string,
  prefix: string | undefined,
): { found: Map<string, string>; incomplete: boolean } {
  const found = new Map<string, string>()
  const covering = prefix === undefined ? undefined : new Set(inquiry.explode(prefix).strings)
  const offer = (permission: string, source: string): void => {
    const matches = prefix === undefined || isAtOrBeneath(permission, prefix) || covering!.has(permission)
    if (matches && !found.has(permission)) found.set(permission, source)
  }
  let incomplete = false
  // A full-access token has what its issuer has, who is no token: at most one step.
  for (
    let actor: ActorRef | undefined = inquiry.actor(actorText);
    actor !== undefined && inquiry.isLive(actor);
    actor = issuerOfFullToken(inquiry, actor)
  ) {
    offerOptions(inquiry, actor, offer)
    offerGrants(inquiry, actor, offer)
    if (!offerRegistered(inquiry, actor, offer)) incomplete = true
  }
  return { found, incomplete }
}

type Offer = (permission: string, source: string) => void

function issuerOfFullToken(inquiry: Inquiry, actor: ActorRef): ActorRef | undefined {
  const { index } = inquiry
  if (actor.kind !== 'token' || !index.isFullToken(actor.row)) return undefined
  return inquiry.actor(index.partyText[index.base.get(actor.row)]!)
}

function offerOptions(inquiry: Inquiry, actor: ActorRef, offer: Offer): void {
  for (const rule of BUILT_IN_IMPLICATORS) {
    if (!rule.actors.includes(actor.kind)) continue
    for (const permission of rule.permissionsOf(actor.text, inquiry.index)) offer(permission, rule.id)
  }
}

function offerGrants(inquiry: Inquiry, actor: ActorRef, offer: Offer): void {
  const { index } = inquiry
  for (const { holder, via } of holdersReaching(inquiry, actor)) {
    for (const grant of index.grantsHeld.of(holder)) {
      const issuer = index.grantIssuer.get(grant)
      if (via === 'app-owner' && issuer !== index.base.get(holder)) continue
      if (via === 'access-token' && issuer !== index.base.get(holder)) continue
      if (inquiry.now >= index.expiryOf(grant)) continue
      const permission = index.permissionOf(index.grantNode.get(grant))
      if (inquiry.holds(index.partyText[issuer]!, permission)) offer(permission, via)
    }
  }
}

/** The parties whose grants reach the actor. */
function holdersReaching({ index }: Inquiry, actor: ActorRef): { holder: number; via: string }[] {
  switch (actor.kind) {
    case 'user':
      return [
        { holder: actor.row, via: 'user' },
        ...[...index.groupClosure(actor.row).keys()].map((holder) => ({ holder, via: 'user-group' })),
      ]
    case 'user-app':
      return [
        ...(actor.row === NONE ? [] : [{ holder: actor.row, via: 'user-app' }]),
        { holder: actor.app, via: 'app-owner' },
      ]
    case 'app':
      return [{ holder: actor.row, via: 'app' }]
    case 'token':
      return [{ holder: actor.row, via: 'access-token' }]
    default:
      return []
  }
}

/** False when a registered rule that may give this actor something cannot list it. */
function offerRegistered(inquiry: Inquiry, actor: ActorRef, offer: Offer): boolean {
  let isComplete = true
  for (const rule of inquiry.rules.implicators) {
    if (!(rule.actors ?? ['user']).includes(actor.kind)) continue
    if (rule.permissionsOf === undefined) isComplete = false
    else {
      for (const permission of ask(rule, () => [...rule.permissionsOf!(actor.text, inquiry.setting)])) {
        if (ask(rule, () => rule.implies(actor.text, permission, inquiry.setting)) !== undefined)
          offer(permission, rule.id)
      }
    }
  }
  for (const rule of inquiry.rules.scanners) {
    if (rule.permissionsOf === undefined) isComplete = false
    else {
      for (const { issuer, permission } of ask(rule, () => [
        ...rule.permissionsOf!(actor.text, inquiry.setting),
      ])) {
        if (inquiry.index.namespaces.has(namespaceOf(permission)) && inquiry.holds(issuer, permission))
          offer(permission, rule.id)
      }
    }
  }
  return isComplete
}
