import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { makeZip, type ZipEntry } from '../testing/zip.ts'
import { readManifest } from './read-manifest.ts'
import { findRefused, rewriteSources } from './sources.ts'
import { unpack } from './unpack.ts'

const APP = { name: 'Blog', version: '1.0.0' }
const PMFT = { permissions: { mandatory: ['db'], optional: ['fs'] } }

function filesOf(app: unknown, pmft: unknown = PMFT, routes?: unknown, others: Record<string, string> = {}) {
  const files = new Map<string, Uint8Array>()
  const put = (path: string, value: unknown): void => {
    files.set(path, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
  }
  if (app !== undefined) put('box/app.json', app)
  if (pmft !== null) put('box/pmft.json', pmft)
  if (routes !== undefined) put('box/routes.json', routes)
  for (const [path, text] of Object.entries(others)) put(path, text)
  return files
}

describe('a package', () => {
  test('is read into memory, its files in the order of their paths', async () => {
    const files = await unpack(
      makeZip([
        { path: 'index.html', content: 'a' },
        { path: 'box/app.json', content: 'b' },
        { path: 'box/' },
      ]),
    )
    assert.deepEqual(
      [...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString()]),
      [
        ['box/app.json', 'b'],
        ['index.html', 'a'],
      ],
    )
  })

  const hostile: readonly { name: string; entries: readonly ZipEntry[] }[] = [
    { name: 'a path upwards', entries: [{ path: '../evil.js' }] },
    { name: 'a path upwards in the middle', entries: [{ path: 'box/../../evil.js' }] },
    { name: 'an absolute path', entries: [{ path: '/etc/passwd' }] },
    { name: 'a drive', entries: [{ path: 'C:/evil.js' }] },
    { name: 'a backslash', entries: [{ path: 'box\\..\\evil.js' }] },
    { name: 'NUL', entries: [{ path: 'box/a\u0000.js' }] },
    { name: 'a line end', entries: [{ path: 'box/a\n.js' }] },
    { name: 'an empty name', entries: [{ path: 'box//a.js' }] },
    { name: 'a dot', entries: [{ path: './box/a.js' }] },
    { name: 'a trailing dot', entries: [{ path: 'box./a.js' }] },
    { name: 'a trailing space', entries: [{ path: 'box /a.js' }] },
    { name: 'a link', entries: [{ path: 'box/link', content: '/etc/passwd', mode: 0o120777 }] },
    { name: 'a device', entries: [{ path: 'box/device', mode: 0o020666 }] },
    { name: 'a name twice', entries: [{ path: 'box/a.js' }, { path: 'box/a.js' }] },
    { name: 'names that differ in case', entries: [{ path: 'box/a.js' }, { path: 'box/A.js' }] },
    { name: 'names that differ in form', entries: [{ path: 'é.txt' }, { path: 'e\u0301.txt' }] },
    { name: 'a file that is a folder', entries: [{ path: 'a' }, { path: 'a/b' }] },
    { name: 'what some take for box', entries: [{ path: 'BOX/app.json' }] },
    { name: 'a path without end', entries: [{ path: 'a/'.repeat(30) + 'b' }] },
    { name: 'a wrong size', entries: [{ path: 'a', content: 'abc', size: 2 }] },
    { name: 'a wrong checksum', entries: [{ path: 'a', content: 'abc', crc: 1 }] },
    { name: 'an encrypted file', entries: [{ path: 'a', content: 'abc', flags: 1 }] },
    { name: 'another method', entries: [{ path: 'a', content: 'abc', method: 12 }] },
  ]
  for (const { name, entries } of hostile)
    test(`with ${name} is refused`, async () => {
      await assert.rejects(unpack(makeZip(entries)), { code: 'PACKAGE_INVALID' })
    })

  test('that is no ZIP, or is cut off anywhere, is refused', async () => {
    const whole = makeZip([{ path: 'box/app.json', content: '{}'.repeat(50) }])
    for (const length of [0, 1, 10, 30, 60, whole.length - 30, whole.length - 1])
      await assert.rejects(unpack(whole.subarray(0, length)), { code: 'PACKAGE_INVALID' }, String(length))
  })

  test('that is larger than allowed is refused before it is unpacked', async () => {
    const limits = { bytesMax: 10_000, unpackedBytesMax: 1_000, filesMax: 3 }
    await assert.rejects(
      unpack(makeZip([{ path: 'a', content: 'x'.repeat(2_000) }]), limits),
      /larger than 1000 bytes/,
    )
    await assert.rejects(unpack(new Uint8Array(10_001), limits), /larger than 10000 bytes/)
    await assert.rejects(
      unpack(makeZip(['a', 'b', 'c', 'd'].map((path) => ({ path }))), limits),
      /more than 3 files/,
    )
    await assert.rejects(unpack(makeZip([{ path: 'a', content: 'x'.repeat(900), size: 10 }]), limits), {
      code: 'PACKAGE_INVALID',
    })
  })
})

describe('a manifest', () => {
  test('says what the app is and needs', () => {
    const files = filesOf(
      {
        ...APP,
        description: 'x',
        db: [
          { type: 'sqlite', name: 'main', database: 'data/a.db' },
          { type: 'postgres', name: 'pg', database: 'd', user: 'u' },
        ],
        startup_scripts: ['setup/one'],
        default_include: ['auth.js'],
        env: { a: { b: ['c'] } },
        jwt_secret: 's',
        limits: { requestMs: 5 },
        cache: { server: { no_cache_regex: ['(a+)+$'] } },
      },
      PMFT,
      { routes: [{ path: '/a/:b', method: 'post', script: 'r/a' }] },
      { 'box/setup/one.js': '', 'box/auth.js': '', 'box/r/a.js': '' },
    )
    const { manifest, notices } = readManifest(files)
    assert.deepEqual(manifest.databases, [
      { type: 'sqlite', name: 'main', file: 'data/a.db' },
      {
        type: 'postgres',
        name: 'pg',
        host: 'localhost',
        port: 5432,
        user: 'u',
        password: '',
        database: 'd',
        connectionsMax: 10,
      },
    ])
    assert.deepEqual(manifest.startupScripts, ['setup/one.js'])
    assert.deepEqual(manifest.routes, [{ path: '/a/:b', method: 'POST', script: 'r/a.js' }])
    assert.deepEqual(manifest.permissions, { mandatory: ['db'], optional: ['fs'] })
    assert.deepEqual(manifest.env, { a: { b: ['c'] } })
    assert.equal(manifest.spa, undefined)
    assert.deepEqual(notices, ['`box/app.json` at cache: it has no effect here'])
  })

  test('of an app of one page names what was built and its page', () => {
    const spa = {
      enabled: true,
      build_path: './dist',
      fallback_path: 'index.html',
      dev_server_proxy: 'http://localhost:5173',
    }
    assert.deepEqual(readManifest(filesOf({ ...APP, type: 'SPA', spa })).manifest.spa, {
      folder: 'dist',
      fallback: 'index.html',
    })
  })

  const wrong: readonly {
    name: string
    app?: unknown
    pmft?: unknown
    routes?: unknown
    file: string
    path: string
  }[] = [
    { name: 'no app.json', app: undefined, file: 'box/app.json', path: '' },
    { name: 'no pmft.json', pmft: null, file: 'box/pmft.json', path: '' },
    { name: 'an unknown field', app: { ...APP, module: '/etc' }, file: 'box/app.json', path: 'module' },
    { name: 'a name twice', app: '{"name":"a","name":"b"}', file: 'box/app.json', path: '1:13' },
    { name: 'no JSON', app: '{\n  "name": nope}', file: 'box/app.json', path: '2:11' },
    { name: '__proto__', app: '{"name":"a","__proto__":{}}', file: 'box/app.json', path: '__proto__' },
    {
      name: 'a startup script outside',
      app: { ...APP, startup_scripts: ['../../x.js'] },
      file: 'box/app.json',
      path: 'startup_scripts[0]',
    },
    {
      name: 'a startup script that is not there',
      app: { ...APP, startup_scripts: ['x.js'] },
      file: 'box/app.json',
      path: 'startup_scripts[0]',
    },
    {
      name: 'a database file outside',
      app: { ...APP, db: [{ type: 'sqlite', name: 'a', database: '../../x.db' }] },
      file: 'box/app.json',
      path: 'db[0].database',
    },
    {
      name: 'a built folder outside',
      app: { ...APP, type: 'SPA', spa: { enabled: true, build_path: '../x' } },
      file: 'box/app.json',
      path: 'spa.build_path',
    },
    {
      name: 'a built folder in the box',
      app: { ...APP, type: 'SPA', spa: { enabled: true, build_path: 'Box' } },
      file: 'box/app.json',
      path: 'spa.build_path',
    },
    {
      name: 'the host’s environment',
      app: { ...APP, env: { a: 'env:PATH' } },
      file: 'box/app.json',
      path: 'env.a',
    },
    {
      name: 'a file of the host as secret',
      app: { ...APP, jwt_secret: 'file:/etc/passwd' },
      file: 'box/app.json',
      path: 'jwt_secret',
    },
    {
      name: 'an unknown mandatory key',
      pmft: { permissions: { mandatory: ['root'] } },
      file: 'box/pmft.json',
      path: 'permissions.mandatory[0]',
    },
    {
      name: 'a script of a route that is not there',
      routes: { routes: [{ path: '/a', script: 'none' }] },
      file: 'box/routes.json',
      path: 'routes[0].script',
    },
    {
      name: 'a method that is none',
      routes: { routes: [{ path: '/a', method: 'HACK', script: 'a' }] },
      file: 'box/routes.json',
      path: 'routes[0].method',
    },
    {
      name: 'a port that is none',
      app: { ...APP, db: [{ type: 'mysql', name: 'a', database: 'b', port: 'x' }] },
      file: 'box/app.json',
      path: 'db[0].port',
    },
  ]
  for (const { name, file, path, ...given } of wrong)
    test(`with ${name} is refused at its place`, () => {
      const files = filesOf(
        'app' in given ? given.app : APP,
        'pmft' in given ? given.pmft : PMFT,
        given.routes,
      )
      assert.throws(() => readManifest(files), { code: 'PACKAGE_INVALID', file, path })
    })

  test('may refer to what the operator bound for this app', () => {
    const files = filesOf({ ...APP, jwt_secret: 'env:SECRET', env: { a: 'file:key' } })
    const { manifest } = readManifest(
      files,
      new Map([
        ['env:SECRET', 's'],
        ['file:key', 'k'],
      ]),
    )
    assert.deepEqual([manifest.jwtSecret, manifest.env], ['s', { a: 'k' }])
  })

  test('that asks for optional keys that are not there is told so', () => {
    const { manifest, notices } = readManifest(
      filesOf(APP, { permissions: { mandatory: [], optional: ['ai', 'fs', 'fs'] } }),
    )
    assert.deepEqual(manifest.permissions.optional, ['fs'])
    assert.deepEqual(notices, ['`box/pmft.json` at permissions.optional[0]: there is no such permission key'])
  })
})

describe('sources', () => {
  const rewrite = (text: string, path = 'box/a.js') =>
    rewriteSources(new Map([[path, Buffer.from(text)]])).get(path.slice(4))!

  test('are those of the box alone', () => {
    const files = filesOf(APP, PMFT, undefined, {
      'index.js': 'no',
      'box/lib/a.js': '1',
      'box/data.json': '{}',
      'box/a.txt': 'no',
    })
    assert.deepEqual([...rewriteSources(files).keys()].toSorted(), [
      'app.json',
      'data.json',
      'lib/a.js',
      'pmft.json',
    ])
  })

  test('may mention what a compartment refuses to read', () => {
    for (const text of [
      '// import("x")\n1',
      'const a = "import(x)"',
      '/* <!-- --> */ 1',
      'let n = 3; while (n-->0) {}',
    ])
      assert.deepEqual(findRefused(new Map([['a.js', rewrite(text)]])), [], text)
  })

  test('may be modules', () => {
    const module_ = { exports: {} as Record<string, unknown> }
    // oxlint-disable-next-line typescript/no-implied-eval -- what was rewritten is there to be run
    new Function(
      'module',
      'exports',
      'require',
      rewrite('import x from "./x"\nexport default x + 1\nexport const b = 2'),
    )(module_, module_.exports, () => ({ default: 41, __esModule: true }))
    assert.deepEqual([module_.exports['default'], module_.exports['b']], [42, 2])
  })

  test('that are no JavaScript are refused, with line and column', () => {
    assert.throws(() => rewrite('let a = 1\nlet a b'), {
      code: 'PACKAGE_INVALID',
      file: 'box/a.js',
      path: '2:5',
    })
  })

  test('that will not run are told, with line and column', () => {
    assert.deepEqual(findRefused(new Map([['a.js', '1\n  import("x")']])), [
      '`box/a.js` at 2:3: `import()` is not there: use `require`',
    ])
  })
})
