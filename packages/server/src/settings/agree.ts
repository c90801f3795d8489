import { parseNetworks } from '../edge/address.ts'
import { PlatformError } from '../platform/errors.ts'
import { findPublicUrl } from '../public-url.ts'
import type { Settings, SettingSeen } from './list.ts'

/** What each setting is fine with by itself, and not together with the others or with what this version can do. */
export function findDisagreements(seen: readonly SettingSeen[]): PlatformError[] {
  const settings = Object.fromEntries(seen.map(({ name, value }) => [name, value])) as unknown as Settings
  return RULES.flatMap(({ path, ...rule }) => {
    const found = rule.find(settings)
    if (found === undefined) return []
    const { from } = seen.find(({ name }) => name === path)!
    const source = from === null ? '' : `\`${from}\`: `
    return [
      new PlatformError('SETTINGS_INVALID', `${source}\`${path}\`: ${found.problem}`, found.hint, { path }),
    ]
  })
}

interface Rule {
  readonly path: keyof Settings
  find(settings: Settings): { readonly problem: string; readonly hint: string } | undefined
}

const RULES: readonly Rule[] = [
  {
    path: 'publicUrl',
    find({ publicUrl }) {
      if (publicUrl === '' || findPublicUrl(publicUrl) !== undefined) return undefined
      return {
        problem: 'expected a URL, without query or user',
        hint: 'write as in `https://authz.example.org`',
      }
    },
  },
  {
    path: 'trustedProxies',
    find({ trustedProxies }) {
      if (parseNetworks(trustedProxies) !== undefined) return undefined
      return {
        problem: 'it is no list of addresses and networks',
        hint: 'write as in `127.0.0.1, 10.0.0.0/8`',
      }
    },
  },
  {
    path: 'store',
    find({ store }) {
      if (/^sqlite:./u.test(store)) return undefined
      const problem = /^postgres(?:ql)?:/u.test(store)
        ? 'the PostgreSQL store is not there yet'
        : 'there is no such store'
      return { problem, hint: 'write `sqlite:<file>`' }
    },
  },
  {
    path: 'headersMs',
    find({ headersMs, requestMs }) {
      if (headersMs <= requestMs) return undefined
      return {
        problem: `the head cannot take longer (${headersMs}) than the whole request, \`requestMs\` (${requestMs})`,
        hint: 'make it less, or `requestMs` more',
      }
    },
  },
]
