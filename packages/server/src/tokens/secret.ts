import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

/** Which secret stands for which token. Only hashes are ever kept; the secret is shown once, to whoever made it. */
export interface TokenSecrets {
  /** Grows with every secret that is put or removed: from then on, what `find` said before may no longer hold. */
  readonly version: number
  /** @param hash - SHA-256 of the secret @returns the token's id */
  find(hash: Buffer): string | undefined
  put(tokenId: string, hash: Buffer): void
  remove(tokenId: string): void
  close(): void
}

/** 256 bits behind a prefix that secret scanners can look for. */
export function newSecret(): string {
  return `cst_${randomBytes(32).toString('base64url')}`
}

/** A random secret needs no salt and no slow hash: there is no dictionary to go through. */
export function hashSecret(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

/**
 * The part of a hash that rows are looked up by. The rest is compared in constant time: an early exit tells a
 * guesser how many leading bytes are right.
 */
export function selectorOf(hash: Buffer): string {
  return hash.toString('hex', 0, 8)
}

export function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
