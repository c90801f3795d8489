import { randomBytes } from 'node:crypto'
import type { Change, ChangeOptions } from '@castellan/engine'
import type { Changer } from '../live.ts'
import { hashSecret, newSecret, type TokenSecrets } from './secret.ts'

export interface TokenWish {
  /** `user:<id>` or `user:<id>/app:<id>`. */
  readonly issuer: string
  /** Holds whatever its issuer holds. Default false. */
  readonly full?: boolean
  /** Granted to it by its issuer, in the same commit. */
  readonly permissions?: readonly string[]
  readonly expiresAt?: string
}

export interface NewToken {
  readonly id: string
  readonly issuer: string
  /** Shown this once; only its hash is kept. */
  readonly secret: string
  readonly revision: number
}

/**
 * Makes a token: its fact and its grants in one commit, its hash beside them.
 *
 * @param options.as - whose authority the engine checks; without it, nobody's
 */
export async function issueToken(
  { live, tokens }: { readonly live: Changer; readonly tokens: TokenSecrets },
  wish: TokenWish,
  options: Pick<ChangeOptions, 'actor' | 'as' | 'reason'> = {},
): Promise<NewToken> {
  const id = randomBytes(12).toString('hex')
  const secret = newSecret()
  // The hash goes first: one without its fact opens nothing, a fact without its hash would be a token nobody has.
  tokens.put(id, hashSecret(secret))
  try {
    const { revision } = await live.change(changesOf(id, wish), options)
    return { id, issuer: wish.issuer, secret, revision }
  } catch (error) {
    tokens.remove(id)
    throw error
  }
}

function changesOf(id: string, { issuer, full = false, permissions = [], expiresAt }: TokenWish): Change[] {
  const fact = { kind: 'token', id, issuer, full, ...(expiresAt === undefined ? {} : { expiresAt }) } as const
  const grants = permissions.map(
    (permission) => ({ kind: 'grant', issuer, holder: `token:${id}`, permission, extra: {} }) as const,
  )
  return [{ add: fact }, ...grants.map((grant) => ({ add: grant }))]
}
