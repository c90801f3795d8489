import { keyParts, parseFactKey, type FactKey, type GrantFact } from '@castellan/engine'

export type GrantKey = Extract<FactKey, { readonly kind: 'grant' }>

/** A grant's id is its key, so it can be made without asking: base64url of the JSON of issuer, holder, permission. */
export function printGrantId(grant: GrantKey | GrantFact): string {
  const key: GrantKey = {
    kind: 'grant',
    issuer: grant.issuer,
    holder: grant.holder,
    permission: grant.permission,
  }
  return Buffer.from(JSON.stringify(keyParts(key))).toString('base64url')
}

/** @returns undefined for what is no id of ours: it names no grant. */
export function findGrantKey(id: string): GrantKey | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(id, 'base64url').toString('utf8'))
    if (!Array.isArray(parts)) return undefined
    const [issuer, holder, permission] = parts as unknown[]
    const key = parseFactKey({ kind: 'grant', issuer, holder, permission })
    // One grant, one id: spaces, escapes and stray bits would name the same one.
    return key.kind === 'grant' && printGrantId(key) === id ? key : undefined
  } catch {
    return undefined
  }
}
