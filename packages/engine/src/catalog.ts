import { PermissionInvalidError, PermissionUnknownError } from './errors.ts'
import type { NamespaceFact } from './fact.ts'

/** A namespace the engine brings along, with the shape of what may stand beneath it. */
interface BuiltIn extends NamespaceFact {
  /** Components at most, the namespace included. Default: no shape, anything goes. */
  readonly componentsMax?: number
  /** What the last possible component may be. */
  readonly last?: readonly string[]
  readonly shape: string
}

export const BUILT_IN_NAMESPACES: readonly BuiltIn[] = [
  {
    ...namespace('fs', 'files and folders', 'the file service', true),
    modes: ['see', 'list', 'read', 'write'],
    componentsMax: 3,
    last: ['see', 'list', 'read', 'write'],
    shape: 'fs:<uuid>[:see|list|read|write]',
  },
  {
    ...namespace('kv', 'key-value stores', 'the key-value service', true),
    componentsMax: 4,
    last: ['get', 'set', 'delete', 'list'],
    shape: 'kv:<user id>:<app id>[:get|set|delete|list]',
  },
  {
    ...namespace('ai', 'language and image models', 'the AI service', true),
    componentsMax: 2,
    shape: 'ai[:chat|txt2img|img2txt]',
  },
  {
    ...namespace('hosting', 'publishing websites', 'the hosting service', true),
    componentsMax: 2,
    shape: 'hosting[:create]',
  },
  { ...namespace('site', 'published websites', 'the hosting service', true), shape: 'site:<id>' },
  {
    ...namespace('module', 'modules of server apps', 'the app host', false),
    componentsMax: 2,
    shape: 'module:<key>',
  },
  {
    ...namespace('castellan', "Castellan's own functions", 'the server', false),
    componentsMax: 2,
    shape: 'castellan:<function>',
  },
  { ...namespace('user', 'what belongs to a user account', 'the platform', true), shape: 'user:<id>' },
  { ...namespace('app', 'apps', 'the platform', false), shape: 'app:<id>' },
  { ...namespace('group', 'groups', 'the platform', false), shape: 'group:<id>' },
  {
    ...namespace(
      'manage',
      "revoking others' grants of a permission, and letting apps and tokens grant it",
      'the engine',
      false,
    ),
    shape: 'manage:<permission>',
  },
]

function namespace(
  name: string,
  description: string,
  enforcedBy: string,
  requestable: boolean,
): NamespaceFact {
  return { kind: 'namespace', name, description, enforcedBy, requestable }
}

const builtIns = new Map(BUILT_IN_NAMESPACES.map((n) => [n.name, n]))

export function isBuiltInNamespace(name: string): boolean {
  return builtIns.has(name)
}

/** A valid string must also fit the shape of its built-in namespace. @throws {PermissionInvalidError} */
export function validateShape(permission: string, namespaceName: string): void {
  if (fitsShape(permission, namespaceName)) return
  const builtIn = builtIns.get(namespaceName)!
  const misfit = permission.split(':').slice(0, Math.max(builtIn.componentsMax! - 1, 1))
  throw new PermissionInvalidError(
    permission,
    misfit.join(':').length + 1,
    `it does not have the shape \`${builtIn.shape}\``,
  )
}

export function fitsShape(permission: string, namespaceName: string): boolean {
  const builtIn = builtIns.get(namespaceName)
  if (builtIn?.componentsMax === undefined) return true
  const components = permission.split(':')
  if (components.length < builtIn.componentsMax) return true
  return components.length === builtIn.componentsMax && builtIn.last?.includes(components.at(-1)!) !== false
}

/** The error for a namespace nobody declared, with the nearest known name as a hint. */
export function unknownNamespace(
  permission: string,
  name: string,
  known: Iterable<string>,
): PermissionUnknownError {
  let nearest: string | undefined
  let best = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(name, candidate, best)
    if (distance < best) [best, nearest] = [distance, candidate]
  }
  return new PermissionUnknownError(permission, nearest)
}

/** Levenshtein's, given up once it cannot stay under `bound`. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
