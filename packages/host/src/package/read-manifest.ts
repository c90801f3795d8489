import { JsonInvalidError, parseJson, printPath } from '@castellan/protocol'
import type { JsonObject } from '@castellan/engine'
import { z } from 'zod'
import { isBoxName } from '../box-name.ts'
import { isPlainName } from '../front/path.ts'
import { PackageInvalidError } from '../errors.ts'
import { KEYS, isKey } from '../keys.ts'
import type { AppManifest, DatabaseConfig, Route } from './manifest.ts'
import { placeOf } from './place.ts'
import type { PackageFiles } from './unpack.ts'

/** What a package says of itself, and what of that has no effect here. */
export interface ReadManifest {
  readonly manifest: AppManifest
  readonly notices: readonly string[]
}

/** Values that an operator bound for one app: `env:NAME` and `file:path` in a manifest stand for them, and for nothing else. */
export type Bindings = ReadonlyMap<string, string>

/**
 * Reads the three files in which an app describes itself. Unknown names are errors, but for those that other hosts of
 * such apps know: these have no effect, and are told.
 *
 * @throws {PackageInvalidError}
 */
export function readManifest(files: PackageFiles, bindings: Bindings = new Map()): ReadManifest {
  const app = parseFile(files, 'box/app.json', APP)
  const permissions = parseFile(files, 'box/pmft.json', PMFT).permissions
  const routes = files.has('box/routes.json') ? parseFile(files, 'box/routes.json', ROUTES).routes : []
  const bound = (value: string, path: string): string => resolveReference(value, path, bindings)
  const manifest: AppManifest = {
    name: app.name,
    version: app.version,
    description: app.description,
    databases: app.db.flatMap((database, i) => databaseOf(database, `db[${i}]`, bound)),
    startupScripts: app.startup_scripts.map((script, i) =>
      scriptOf(files, 'box/app.json', `startup_scripts[${i}]`, script),
    ),
    defaultInclude: app.default_include.map((script, i) =>
      scriptOf(files, 'box/app.json', `default_include[${i}]`, script),
    ),
    env: resolveAll(app.env, 'env', bound) as JsonObject,
    jwtSecret: app.jwt_secret === undefined ? undefined : bound(app.jwt_secret, 'jwt_secret'),
    permissions: permissionsOf(permissions),
    routes: routes.map((route, i): Route => ({
      ...route,
      script: scriptOf(files, 'box/routes.json', `routes[${i}].script`, route.script),
    })),
    spa: app.type === 'SPA' && app.spa?.enabled === true ? spaOf(app.spa) : undefined,
    limits: app.limits,
  }
  return { manifest, notices: noticesOf(app, permissions) }
}

// ---- shapes

const NAME_MAX = 128
const text = z.string().max(4_096)
const name = z.string().min(1).max(NAME_MAX)
const scripts = z.array(z.string().min(1).max(512)).max(100)

/** What other hosts of such apps read. */
const IGNORED = [
  'mode',
  'email',
  'ai',
  'schedules',
  'queue',
  'websockets',
  'isolation',
  'allow_dynamic_code',
  'cache',
  'jwt',
  'jwt_iss',
  'logging',
] as const

const DATABASE = z.strictObject({
  type: z.enum(['sqlite', 'postgres', 'mysql', 'mssql', 'oracle']),
  name,
  database: text,
  host: text.optional(),
  port: z.union([z.int().min(1).max(65_535), z.string().max(200)]).optional(),
  user: text.optional(),
  password: text.optional(),
  min: z.int().min(0).max(100).optional(),
  max: z.int().min(1).max(100).optional(),
  queueLimit: z.int().min(0).optional(),
  waitForConnections: z.boolean().optional(),
  connectionLimit: z.int().min(1).max(100).optional(),
})

const LIMITS = z.record(z.string().max(64), z.number())

const APP = z.strictObject({
  name,
  version: z.string().max(64).default('0.0.0'),
  description: z.string().max(2_000).default(''),
  type: z.enum(['MPA', 'SPA']).default('MPA'),
  spa: z
    .strictObject({
      enabled: z.boolean().default(false),
      dev_server_proxy: text.optional(),
      build_path: text.default('./dist'),
      fallback_path: text.default('index.html'),
    })
    .optional(),
  db: z.array(DATABASE).max(16).default([]),
  startup_scripts: scripts.default([]),
  default_include: scripts.default([]),
  env: z.record(z.string().max(NAME_MAX), z.json()).default({}),
  limits: LIMITS.default({}),
  jwt_secret: z.string().min(1).max(4_096).optional(),
  ...(Object.fromEntries(IGNORED.map((ignored) => [ignored, z.unknown().optional()])) as Record<
    (typeof IGNORED)[number],
    z.ZodOptional<z.ZodUnknown>
  >),
})

const PMFT = z.strictObject({
  permissions: z.strictObject({
    mandatory: z.array(z.string().max(64)).max(64).default([]),
    optional: z.array(z.string().max(64)).max(64).default([]),
  }),
})

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'ALL'] as const
const ROUTES = z.strictObject({
  routes: z
    .array(
      z.strictObject({
        path: z
          .string()
          .max(512)
          .regex(/^\/[^\s?#\\]*\??$/u, 'a route is a path from `/`'),
        method: z
          .string()
          .transform((method) => method.toUpperCase())
          .pipe(z.enum(METHODS))
          .default('GET'),
        script: z.string().min(1).max(512),
      }),
    )
    .max(1_000),
})

// ---- meaning

function parseFile<Output>(files: PackageFiles, file: string, shape: z.ZodType<Output>): Output {
  const bytes = files.get(file)
  if (bytes === undefined)
    throw new PackageInvalidError(file, '', 'it is missing', 'an app says in it what it is and what it needs')
  const result = shape.safeParse(parseText(file, bytes))
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  const isUnknown = issue.code === 'unrecognized_keys'
  const path = printPath(isUnknown ? [...issue.path, issue.keys[0] ?? ''] : issue.path)
  throw new PackageInvalidError(
    file,
    path,
    isUnknown
      ? 'is not a name that means something here'
      : issue.message.slice(0, 1).toLowerCase() + issue.message.slice(1),
    'compare it with the reference of the file',
  )
}

function parseText(file: string, bytes: Uint8Array): unknown {
  let source = ''
  try {
    source = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return parseJson(source)
  } catch (error) {
    if (!(error instanceof JsonInvalidError))
      throw new PackageInvalidError(file, '', 'it is not UTF-8', 'save it as UTF-8')
    throw new PackageInvalidError(file, placeOf(source, error.position), error.message, 'mend the JSON')
  }
}

/** A script of the box, wherever it is named; `.js` may be left out. */
function scriptOf(files: PackageFiles, file: string, at: string, script: string): string {
  const path = /\.c?js$/u.test(script) ? script : `${script}.js`
  const inBox = path.replace(/^\.?\//u, '')
  assertInside(file, at, inBox)
  if (!files.has(`box/${inBox}`))
    throw new PackageInvalidError(file, at, `there is no \`box/${inBox}\``, 'name a script of the box')
  return inBox
}

function assertInside(file: string, at: string, path: string): void {
  if (!path.split('/').every((part) => isPlainName(part) && part !== '.' && part !== '..'))
    throw new PackageInvalidError(file, at, 'it leads out of the app', 'name a path inside, without `..`')
}

function spaOf({
  build_path,
  fallback_path,
}: {
  build_path: string
  fallback_path: string
}): AppManifest['spa'] {
  const folder = build_path.replace(/^\.?\//u, '').replace(/\/$/u, '')
  const fallback = fallback_path.replace(/^\.?\//u, '')
  assertInside('box/app.json', 'spa.build_path', folder)
  assertInside('box/app.json', 'spa.fallback_path', fallback)
  if (isBoxName(folder.split('/')[0]))
    throw new PackageInvalidError(
      'box/app.json',
      'spa.build_path',
      '`box` is never shown',
      'name a public folder',
    )
  return { folder, fallback }
}

function databaseOf(
  database: z.infer<typeof DATABASE>,
  at: string,
  bound: (value: string, path: string) => string,
): readonly DatabaseConfig[] {
  if (database.type === 'mssql' || database.type === 'oracle') return []
  if (database.type === 'sqlite') {
    const file = database.database.replace(/^\.?\//u, '')
    assertInside('box/app.json', `${at}.database`, file)
    return [{ type: 'sqlite', name: database.name, file }]
  }
  const defaults = { postgres: 5432, mysql: 3306 }
  const port = Number(bound(String(database.port ?? defaults[database.type]), `${at}.port`))
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new PackageInvalidError('box/app.json', `${at}.port`, 'it is no port', 'use 1 to 65535')
  return [
    {
      type: database.type,
      name: database.name,
      host: bound(database.host ?? 'localhost', `${at}.host`),
      port,
      user: bound(database.user ?? '', `${at}.user`),
      password: bound(database.password ?? '', `${at}.password`),
      database: bound(database.database, `${at}.database`),
      connectionsMax: Math.min(20, database.max ?? database.connectionLimit ?? 10),
    },
  ]
}

const REFERENCE = /^(?:env|file):/u

/** A reference is to what the operator bound for this app: a package does not read the host's environment. */
function resolveReference(value: string, path: string, bindings: Bindings): string {
  if (!REFERENCE.test(value)) return value
  const found = bindings.get(value)
  if (found === undefined)
    throw new PackageInvalidError(
      'box/app.json',
      path,
      `\`${value.slice(0, 80)}\` is not bound for this app`,
      'the operator binds it in `settings/apps/<app>.json`',
    )
  return found
}

function resolveAll(value: unknown, path: string, bound: (value: string, path: string) => string): unknown {
  if (typeof value === 'string') return bound(value, path)
  if (Array.isArray(value)) return value.map((item, i) => resolveAll(item, `${path}[${i}]`, bound))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(
    ([key, item]) => [key, resolveAll(item, `${path}.${key}`, bound)] as const,
  )
  return Object.fromEntries(entries)
}

function permissionsOf({ mandatory, optional }: Wanted): AppManifest['permissions'] {
  for (const [i, key] of mandatory.entries())
    if (!isKey(key))
      throw new PackageInvalidError(
        'box/pmft.json',
        `permissions.mandatory[${i}]`,
        `\`${key}\` is no permission key`,
        `the keys are ${KEYS.map((row) => row.key).join(', ')}`,
      )
  const required = new Set(mandatory.filter(isKey))
  const wanted = new Set(optional.filter(isKey).filter((key) => !required.has(key)))
  return { mandatory: [...required], optional: [...wanted] }
}

interface Wanted {
  readonly mandatory: readonly string[]
  readonly optional: readonly string[]
}

/** What has no effect: the app may do without it. */
function noticesOf(app: z.infer<typeof APP>, { optional }: Wanted): readonly string[] {
  const names = IGNORED.filter((name) => app[name] !== undefined)
  const databases = app.db.flatMap(({ type }, i) =>
    type === 'mssql' || type === 'oracle' ? [`db[${i}]`] : [],
  )
  const keys = optional.flatMap((key, i) => (isKey(key) ? [] : [`permissions.optional[${i}]`]))
  return [
    ...[...names, ...databases].map((at) => `\`box/app.json\` at ${at}: it has no effect here`),
    ...keys.map((at) => `\`box/pmft.json\` at ${at}: there is no such permission key`),
  ]
}
