import type { Handler } from '../command.ts'
import { usageError } from '../exit.ts'
import { parseExpiry } from '../plan.ts'

export const tokenCreate: Handler = async (session, input) => {
  const { screen } = session
  const permissions = input.texts('permission')
  const full = input.flag('full')
  if (full === permissions.length > 0)
    throw usageError(
      'a token is made for full access or for some permissions',
      'add either `--full` or `--permission <permission>`',
    )
  const issuer = input.text('for')
  const expires = input.text('expires')
  const target = await session.target('change')
  const made = await target.createToken({
    full,
    permissions,
    ...(issuer === undefined ? {} : { issuer }),
    ...(expires === undefined ? {} : { expiresAt: parseExpiry(expires, session.io.now()) }),
  })
  if (screen.json) {
    const { secret, ...rest } = made
    await screen.printJson({ ...rest, full, token: secret })
    return undefined
  }
  // Alone on standard output, so that it can be piped to where it is kept.
  await screen.print(made.secret)
  screen.note(`token:${made.id} for ${made.issuer}; its secret is shown this once`)
  return undefined
}
