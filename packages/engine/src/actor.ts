import { ActorInvalidError } from './errors.ts'

/** Who acts or holds, parsed. `group` holds on behalf of members and never asks. */
export type Party =
  | { readonly kind: 'system' }
  | { readonly kind: 'user' | 'group' | 'app' | 'token'; readonly id: string }
  | { readonly kind: 'user-app'; readonly user: string; readonly app: string }

export type PartyKind = Party['kind']

const ID = /^[A-Za-z0-9._@+=~-]{1,256}$/

/** 1 to 256 characters of `A–Z a–z 0–9 . _ @ + = ~ -`. Because `:` and `/` are not among them, the text of a party is unambiguous. */
export function isId(text: string): boolean {
  return ID.test(text)
}

/**
 * Parses who may ask: `system`, `user:<id>`, `app:<id>`, `user:<id>/app:<id>`, `token:<id>`.
 *
 * @throws {ActorInvalidError}
 */
export function parseActor(text: string): Party {
  const party = parseParty(text)
  if (party.kind === 'group')
    throw new ActorInvalidError(text, 'a group holds for its members and never acts')
  return party
}

/** Parses anything that may stand in a fact, groups included. */
export function parseParty(text: string): Party {
  if (text === 'system') return { kind: 'system' }
  const slash = text.indexOf('/')
  if (slash >= 0) {
    const user = parseSimple(text, text.slice(0, slash))
    const app = parseSimple(text, text.slice(slash + 1))
    if (user.kind !== 'user' || app.kind !== 'app')
      throw new ActorInvalidError(text, 'only `user:<id>/app:<id>` has two parts')
    return { kind: 'user-app', user: user.id, app: app.id }
  }
  return parseSimple(text, text)
}

function parseSimple(whole: string, part: string): { kind: 'user' | 'group' | 'app' | 'token'; id: string } {
  const colon = part.indexOf(':')
  const kind = part.slice(0, Math.max(colon, 0))
  if (kind !== 'user' && kind !== 'group' && kind !== 'app' && kind !== 'token')
    throw new ActorInvalidError(whole, 'its kind is not known')
  const id = part.slice(colon + 1)
  if (!isId(id))
    throw new ActorInvalidError(whole, 'an id is 1 to 256 characters of `A-Z a-z 0-9 . _ @ + = ~ -`')
  return { kind, id }
}

export function printParty(party: Party): string {
  switch (party.kind) {
    case 'system':
      return 'system'
    case 'user-app':
      return `user:${party.user}/app:${party.app}`
    default:
      return `${party.kind}:${party.id}`
  }
}
