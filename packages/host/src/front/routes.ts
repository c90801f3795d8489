import type { Route } from '../package/manifest.ts'
import type { AppPath } from './path.ts'

/** The script that answers, and what stands for the names of its route. */
export interface RouteMatch {
  readonly script: string
  readonly params: Readonly<Record<string, string>>
}

/** What `routes.json` says of a path, and which methods would be taken. */
export interface Routed {
  readonly match: RouteMatch | undefined
  readonly methods: readonly string[]
}

/** The first route of the list that fits wins. HEAD is answered by what answers GET. */
export function findRoute(routes: readonly Route[], method: string, { names }: AppPath): Routed {
  const methods: string[] = []
  for (const { path, method: taken, script } of routes) {
    const params = matchPattern(path, names)
    if (params === undefined) continue
    if (taken === 'ALL' || taken === method || (taken === 'GET' && method === 'HEAD'))
      return { match: { script, params }, methods: [] }
    methods.push(taken)
  }
  return { match: undefined, methods }
}

/** `:name` is one name, `:name?` one or none at the end, `*` at the end all that is left. */
function matchPattern(
  pattern: string,
  names: readonly string[],
): Readonly<Record<string, string>> | undefined {
  const parts = pattern.split('/').filter((part) => part !== '')
  const params = Object.create(null) as Record<string, string>
  for (const [i, part] of parts.entries()) {
    const name = names[i]
    if (part === '*') {
      params['*'] = names.slice(i).join('/')
      return params
    }
    if (part.startsWith(':') && part.endsWith('?')) {
      if (name !== undefined) params[part.slice(1, -1)] = name
    } else if (name === undefined) return undefined
    else if (part.startsWith(':')) params[part.slice(1)] = name
    else if (part !== name) return undefined
  }
  return names.length <= parts.length ? params : undefined
}
