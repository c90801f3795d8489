import { readFileSync } from 'node:fs'
import { chmod, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandError } from './exit.ts'

/** What lets a command beside a server talk to it without a flag. Holds a secret: only its owner may read it. */
export interface Login {
  readonly server: string
  readonly token: string
  /** Whom the token is for. */
  readonly user: string
}

const NAME = 'login.json'

export function loginPath(dir: string): string {
  return join(dir, NAME)
}

/** @returns undefined when none was saved */
export function findLogin(dir: string): Login | undefined {
  let text: string
  try {
    text = readFileSync(loginPath(dir), 'utf8')
  } catch {
    return undefined
  }
  const login = parseLogin(text)
  if (login === undefined)
    throw new CommandError(
      'USAGE',
      `\`${loginPath(dir)}\` is not a saved login`,
      'delete it; `castellan start` makes a new one',
    )
  return login
}

export async function saveLogin(dir: string, login: Login): Promise<void> {
  const draft = `${loginPath(dir)}.new`
  await writeFile(draft, `${JSON.stringify(login, null, 2)}\n`, { mode: 0o600 })
  // The mode above counts only when the file is made.
  await chmod(draft, 0o600)
  await rename(draft, loginPath(dir))
}

function parseLogin(text: string): Login | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    const [server, token, user]: readonly unknown[] = ['server', 'token', 'user'].map(
      (name) => Reflect.get(value, name) as unknown,
    )
    return typeof server === 'string' && typeof token === 'string' && typeof user === 'string'
      ? { server, token, user }
      : undefined
  } catch {
    return undefined
  }
}
