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

/** A token that is about to be made. */
export interface TokenDraft {
  readonly id: string
  readonly secret: string
  /** Its fact and its grants. */
  readonly changes: readonly Change[]
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
  return withNewToken(tokens, wish, async ({ id, secret, changes }) => {
    const { revision } = await live.change(changes, options)
    return { id, issuer: wish.issuer, secret, revision }
  })
}

/**
 * The hash goes first: one without its fact opens nothing, a fact without its hash would be a token nobody has.
 *
 * @param make - makes the changes; when it fails, nothing stays
 */
export async function withNewToken<Made>(
  tokens: TokenSecrets,
  wish: TokenWish,
  make: (draft: TokenDraft) => Promise<Made>,
): Promise<Made> {
  const id = randomBytes(12).toString('hex')
  const secret = newSecret()
  tokens.put(id, hashSecret(secret))
  try {
    return await make({ id, secret, changes: changesOf(id, wish) })
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
