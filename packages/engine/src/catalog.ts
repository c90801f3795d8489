import { PermissionInvalidError, PermissionUnknownError } from './errors.ts'
import type { NamespaceFact } from './fact.ts'
import { findNearest } from './nearest.ts'

/** A namespace the engine brings along. */
interface BuiltIn extends NamespaceFact {
  /** What may stand beneath it. Default: anything. */
  readonly shape?: Shape
}

interface Shape {
  readonly text: string
  /** Components at most, the namespace included. */
  readonly componentsMax: number
  /** What the last possible component may be. Default: anything. */
  readonly last?: readonly string[]
}

const FILE_MODES = ['see', 'list', 'read', 'write']

export const BUILT_IN_NAMESPACES: readonly BuiltIn[] = [
  {
    ...namespace('fs', 'files and folders', 'the file service', true),
    modes: FILE_MODES,
    shape: { text: 'fs:<uuid>[:see|list|read|write]', componentsMax: 3, last: FILE_MODES },
  },
  {
    ...namespace('kv', 'key-value stores', 'the key-value service', true),
    shape: {
      text: 'kv:<user id>:<app id>[:get|set|delete|list]',
      componentsMax: 4,
      last: ['get', 'set', 'delete', 'list'],
    },
  },
  {
    ...namespace('ai', 'language and image models', 'the AI service', true),
    shape: { text: 'ai[:chat|txt2img|img2txt]', componentsMax: 2 },
  },
  {
    ...namespace('hosting', 'publishing websites', 'the hosting service', true),
    shape: { text: 'hosting[:create]', componentsMax: 2 },
  },
  namespace('site', 'published websites', 'the hosting service', true),
  {
    ...namespace('module', 'modules of server apps', 'the app host', false),
    shape: { text: 'module:<key>', componentsMax: 2 },
  },
  {
    ...namespace('castellan', "Castellan's own functions", 'the server', false),
    shape: { text: 'castellan:<function>', componentsMax: 2 },
  },
  namespace('user', 'what belongs to a user account', 'the platform', true),
  namespace('app', 'apps', 'the platform', false),
  namespace('group', 'groups', 'the platform', false),
  namespace(
    'manage',
    "revoking others' grants of a permission, and letting apps and tokens grant it",
    'the engine',
    false,
  ),
]

function namespace(
  name: string,
  description: string,
  enforcedBy: string,
  requestable: boolean,
): NamespaceFact {
  return { kind: 'namespace', name, description, enforcedBy, requestable }
}

const shapes = new Map(BUILT_IN_NAMESPACES.map(({ name, shape }) => [name, shape]))

export function isBuiltInNamespace(name: string): boolean {
  return shapes.has(name)
}

/** A valid string must also fit the shape of its built-in namespace. @throws {PermissionInvalidError} */
export function validateShape(permission: string, namespaceName: string): void {
  const shape = shapes.get(namespaceName)
  if (shape === undefined || fits(permission, shape)) return
  const misfit = permission.split(':').slice(0, shape.componentsMax - 1)
  throw new PermissionInvalidError(
    permission,
    misfit.join(':').length + 1,
    `it does not have the shape \`${shape.text}\``,
  )
}

export function fitsShape(permission: string, namespaceName: string): boolean {
  const shape = shapes.get(namespaceName)
  return shape === undefined || fits(permission, shape)
}

function fits(permission: string, { componentsMax, last }: Shape): boolean {
  let components = 1
  let start = 0
  for (let colon = permission.indexOf(':'); colon >= 0; colon = permission.indexOf(':', start)) {
    components++
    start = colon + 1
  }
  if (components < componentsMax) return true
  return components === componentsMax && last?.includes(permission.slice(start)) !== false
}

/** The error for a namespace nobody declared, with the nearest known name as a hint. */
export function unknownNamespace(
  permission: string,
  name: string,
  known: Iterable<string>,
): PermissionUnknownError {
  return new PermissionUnknownError(permission, findNearest(name, known))
}
