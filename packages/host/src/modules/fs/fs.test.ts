import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fsModule } from '../../cell/modules/fs.ts'
import { callerOf, hasCode, makeApp, moduleOf, type CallerOptions } from '../testing/kit.ts'
import { FS_LIMITS, fsOperations } from './operations.ts'
import { resolvePath } from './path.ts'
import type { AppHandle } from '../../broker/app-handle.ts'

type Call = (...args: unknown[]) => Promise<never>
type Fs = Record<
  | 'readFile'
  | 'readJSON'
  | 'writeFile'
  | 'writeJSON'
  | 'appendFile'
  | 'exists'
  | 'deleteFile'
  | 'copyFile'
  | 'moveFile'
  | 'mkdir'
  | 'rmdir'
  | 'copyDir'
  | 'moveDir'
  | 'readdir'
  | 'listFiles'
  | 'listDirs'
  | 'walk'
  | 'stat',
  Call
>

const BOX = 'BOX'
const WEB = 'WEB'

function fsOf(
  app: AppHandle,
  options: CallerOptions & { folder?: string; limits?: Partial<typeof FS_LIMITS> } = {},
): Fs {
  const operations = fsOperations({ ...FS_LIMITS, ...options.limits })
  return moduleOf<Fs>(fsModule, callerOf(operations, app, options), { folder: options.folder ?? '' })
}

const packaged = {
  'index.html': '<p>',
  'css/a.css': 'a',
  'box/app.json': '{}',
  'box/data/one.txt': 'one',
  'box/data/two.txt': 'two',
  'box/data/deep/three.txt': 'three',
}

describe('a path', () => {
  const inside = [
    ['BOX', 'api', 'x.txt', 'api/x.txt'],
    ['BOX', 'api', './x.txt', 'api/x.txt'],
    ['BOX', 'api', '../x.txt', 'x.txt'],
    ['BOX', 'api', '/x.txt', 'x.txt'],
    ['BOX', 'api', '/a/../x.txt', 'x.txt'],
    ['BOX', '', '', ''],
    ['BOX', '', '.', ''],
    ['BOX', '', '/', ''],
    ['BOX', '', 'folder/', 'folder'],
    ['BOX', '', '2026-01-01T10:00:00.json', '2026-01-01T10:00:00.json'],
    ['BOX', '', 'box/x', 'box/x'],
    ['WEB', '', 'images/ü 1.png', 'images/ü 1.png'],
    ['WEB', '', 'images/box/x', 'images/box/x'],
    ['WEB', '', '...x', '...x'],
  ] as const
  for (const [scope, folder, path, expected] of inside) {
    test(`${JSON.stringify(path)} from ${JSON.stringify(folder)} is ${expected}`, () => {
      assert.equal(resolvePath(scope, folder, path).join('/'), expected)
    })
  }

  const outside: readonly (readonly ['BOX' | 'WEB', string, string])[] = [
    ['BOX', '', '..'],
    ['BOX', '', '../x'],
    ['BOX', 'api', '../../x'],
    ['BOX', '', '/..'],
    ['BOX', '', '/a/../../x'],
    ['BOX', '../..', 'x'],
    ['BOX', '', 'a/../../../etc/passwd'],
    ['BOX', '', 'a\0b'],
    ['BOX', '', 'a\nb'],
    ['BOX', '', '..\\x'],
    ['BOX', '', 'a\\b'],
    ['BOX', '', 'C:/x'],
    ['BOX', '', '/C:/x'],
    ['BOX', '', '%2e%2e/x'],
    ['BOX', '', '%2E%2E%2Fx'],
    ['BOX', '', 'a%00b'],
    ['BOX', '', 'a%252e'],
    ['BOX', '', 'a//b'],
    ['BOX', '', '//x'],
    ['BOX', '', 'a/...'],
    ['BOX', '', 'x.'],
    ['BOX', '', 'x '],
    ['BOX', '', 'NUL'],
    ['BOX', '', 'con.txt'],
    ['BOX', '', 'a/COM1'],
    ['BOX', '', '\uD800'],
    ['BOX', '', 'x'.repeat(256)],
    ['BOX', '', 'x/'.repeat(33)],
    ['BOX', '', `${'ü'.repeat(120)}/`.repeat(5)],
    ['WEB', '', 'box'],
    ['WEB', '', 'box/app.json'],
    ['WEB', '', '/BOX/app.json'],
    ['WEB', '', 'css/../Box/app.json'],
    ['WEB', 'box', 'app.json'],
    ['WEB', '', 'ｂｏｘ/app.json'],
    ['WEB', '', 'bo\u200Bx/app.json'],
  ]
  for (const [scope, folder, path] of outside) {
    test(`${scope} ${JSON.stringify(path.slice(0, 40))} from ${JSON.stringify(folder)} is refused, and nothing is touched`, async () => {
      const app = makeApp('paths', packaged)
      const fs = fsOf(app, { folder })
      await assert.rejects(fs.readFile(scope, path), hasCode('FS_PATH'))
      await assert.rejects(fs.writeFile(scope, path, 'x'), hasCode('FS_PATH'))
      await assert.rejects(fs.copyFile(BOX, '/app.json', scope, path), hasCode('FS_PATH'))
      await assert.rejects(fs.moveDir(BOX, '/data', scope, path), hasCode('FS_PATH'))
      assert.deepEqual(readdirSync(app.dataFolder), [])
    })
  }

  test('whatever is resolved stays inside, whatever it is made of', () => {
    const piece = fc.constantFrom('..', '.', '', 'a', 'box', '/', '//', '%2e', '\\', '\0', 'C:', '…', ' ')
    fc.assert(
      fc.property(fc.array(piece), fc.array(piece), fc.constantFrom('BOX', 'WEB'), (folder, path, scope) => {
        let names: readonly string[]
        try {
          names = resolvePath(scope, folder.join('/'), path.join('/'))
        } catch (error) {
          assert.ok(hasCode('FS_PATH')(error))
          return
        }
        for (const name of names)
          assert.ok(name !== '..' && name !== '.' && name !== '' && !name.includes('/'))
      }),
    )
  })
})

describe('a link', () => {
  const spots = [
    { name: 'as a file', at: 'box/link', target: '/etc/passwd', path: 'link' },
    { name: 'as a folder', at: 'box/link', target: '/etc', path: 'link/passwd' },
    { name: 'as the scope', at: 'box', target: '/etc', path: 'passwd' },
    {
      name: 'to a file of the app itself',
      at: 'box/link',
      target: '../../package/box/app.json',
      path: 'link',
    },
  ]
  for (const { name, at, target, path } of spots) {
    test(`${name} in what the app wrote leads nowhere`, async () => {
      const app = makeApp('links', packaged)
      if (at !== 'box') mkdirSync(join(app.dataFolder, 'box'))
      symlinkSync(target, join(app.dataFolder, at))
      const fs = fsOf(app)
      await assert.rejects(fs.readFile(BOX, path))
      await assert.rejects(fs.stat(BOX, path))
      await assert.rejects(fs.copyFile(BOX, path, BOX, 'copy'))
      assert.equal(await fs.exists(BOX, path), false)
      if (at !== 'box') await fs.writeFile(BOX, 'plain', 'x')
      assert.ok(!readFileSync('/etc/passwd', 'utf8').startsWith('x'))
    })
  }

  test('of the package leads nowhere', async () => {
    const app = makeApp('links', packaged)
    symlinkSync('/etc/passwd', join(app.packageFolder, 'box/link'))
    symlinkSync('/etc', join(app.packageFolder, 'box/folder'))
    const fs = fsOf(app)
    await assert.rejects(fs.readFile(BOX, 'link'), hasCode('ENOENT'))
    await assert.rejects(fs.readFile(BOX, 'folder/passwd'), hasCode('ENOENT'))
    assert.deepEqual(await fs.readdir(BOX, '/'), ['app.json', 'data'])
  })

  test('that takes the place of a folder, over and over, never lets anything out', async () => {
    const app = makeApp('race', {})
    const outside = makeApp('outside', {}).dataFolder
    writeFileSync(join(outside, 'x.txt'), 'outside')
    const fs = fsOf(app)
    await fs.writeFile(BOX, 'a/x.txt', 'inside')
    const box = join(app.dataFolder, 'box')
    symlinkSync(outside, join(box, 'link'))
    const race = { isOver: false }
    const swap = async (): Promise<void> => {
      while (!race.isOver) {
        renameSync(join(box, 'a'), join(box, 'b'))
        renameSync(join(box, 'link'), join(box, 'a'))
        await new Promise(setImmediate)
        renameSync(join(box, 'a'), join(box, 'link'))
        renameSync(join(box, 'b'), join(box, 'a'))
        await new Promise(setImmediate)
      }
    }
    const swapping = swap()
    let reads = 0
    for (let round = 0; round < 300; round += 1) {
      await fs.writeFile(BOX, 'a/x.txt', 'inside').catch(() => undefined)
      const text = await fs.readFile(BOX, 'a/x.txt', 'utf8').catch(() => 'inside')
      assert.equal(text, 'inside')
      reads += 1
    }
    race.isOver = true
    await swapping
    assert.equal(reads, 300)
    assert.equal(readFileSync(join(outside, 'x.txt'), 'utf8'), 'outside')
    assert.deepEqual(readdirSync(outside), ['x.txt'])
  })
})

describe('the overlay', () => {
  test('reads the package, writes beside it, and never changes it', async () => {
    const app = makeApp('overlay', packaged)
    const fs = fsOf(app)
    assert.equal(await fs.readFile(BOX, 'data/one.txt', 'utf8'), 'one')
    await fs.writeFile(BOX, 'data/one.txt', 'mine')
    await fs.appendFile(BOX, 'data/two.txt', ' and more')
    await fs.writeJSON(BOX, 'app.json', { name: 'changed' })
    await fs.deleteFile(BOX, 'data/deep/three.txt')
    await fs.moveFile(WEB, 'index.html', WEB, 'old/index.html')
    assert.equal(await fs.readFile(BOX, 'data/one.txt', 'utf8'), 'mine')
    assert.equal(await fs.readFile(BOX, 'data/two.txt', 'utf8'), 'two and more')
    assert.equal(await fs.exists(BOX, 'data/deep/three.txt'), false)
    assert.deepEqual(await fs.readdir(WEB, '/'), ['css', 'old'])
    for (const [path, content] of Object.entries(packaged))
      assert.equal(readFileSync(join(app.packageFolder, path), 'utf8'), content)
  })

  test('what was deleted from the package does not come back with its folder', async () => {
    const fs = fsOf(makeApp('gone', packaged))
    await fs.rmdir(BOX, 'data', { recursive: true })
    await fs.writeFile(BOX, 'data/new.txt', 'new')
    assert.deepEqual(await fs.readdir(BOX, 'data'), ['new.txt'])
    await fs.deleteFile(BOX, 'data/new.txt')
    assert.equal(await fs.exists(BOX, 'data/one.txt'), false)
  })

  test('a packaged file that was covered is gone after it is deleted', async () => {
    const fs = fsOf(makeApp('covered', packaged))
    await fs.writeFile(BOX, 'data/one.txt', 'mine')
    await fs.deleteFile(BOX, 'data/one.txt')
    assert.equal(await fs.exists(BOX, 'data/one.txt'), false)
  })

  test('nothing of the box is ever in what is served', async () => {
    const app = makeApp('served', { ...packaged, 'box/box/secret.txt': 's' })
    const fs = fsOf(app)
    await assert.rejects(fs.copyDir(BOX, '/', WEB, '/'), hasCode('FS_PATH'))
    assert.ok(!existsSync(join(app.dataFolder, 'web/box')))
    assert.ok(!((await fs.walk(WEB, '/')) as string[]).some((path) => path.startsWith('box')))
  })

  test('a folder does not go into itself', async () => {
    const fs = fsOf(makeApp('itself', packaged))
    await assert.rejects(fs.copyDir(BOX, 'data', BOX, 'data/copy'), hasCode('EINVAL'))
    await assert.rejects(fs.moveDir(BOX, 'data', BOX, 'data'), hasCode('EINVAL'))
  })

  test('lists folders, files and trees', async () => {
    const fs = fsOf(makeApp('lists', packaged))
    await fs.mkdir(BOX, 'data/empty/inner')
    assert.deepEqual(await fs.listFiles(BOX, 'data'), ['one.txt', 'two.txt'])
    assert.deepEqual(await fs.listDirs(BOX, 'data'), ['deep', 'empty'])
    assert.deepEqual(await fs.walk(BOX, 'data'), ['deep/three.txt', 'one.txt', 'two.txt'])
    assert.deepEqual(await fs.walk(BOX, 'data', { includeDirs: true, maxDepth: 1 }), [
      'deep',
      'empty',
      'one.txt',
      'two.txt',
    ])
    const stat = (await fs.stat(BOX, 'data/one.txt')) as { size: number; isFile: boolean; mtimeMs: number }
    assert.deepEqual([stat.size, stat.isFile, typeof stat.mtimeMs], [3, true, 'number'])
  })

  test('bytes and encodings come back as they went', async () => {
    const fs = fsOf(makeApp('bytes', {}))
    await fs.writeFile(BOX, 'b', Buffer.from([0, 255, 1]))
    assert.deepEqual(await fs.readFile(BOX, 'b'), Buffer.from([0, 255, 1]))
    assert.equal(await fs.readFile(BOX, 'b', { encoding: 'hex' }), '00ff01')
    await fs.writeFile(BOX, 'c', 'AP8B', 'base64')
    assert.deepEqual(await fs.readFile(BOX, 'c'), Buffer.from([0, 255, 1]))
    await fs.writeJSON(BOX, 'j.json', { a: [1] })
    assert.deepEqual(await fs.readJSON(BOX, 'j.json'), { a: [1] })
    assert.equal(await fs.readFile(BOX, 'j.json', 'utf8'), '{\n  "a": [\n    1\n  ]\n}')
  })

  test('two apps with the same names have their own', async () => {
    const one = fsOf(makeApp('app', packaged))
    const two = fsOf(makeApp('app2', packaged))
    await one.writeFile(BOX, 'x', 'one')
    assert.equal(await two.exists(BOX, 'x'), false)
  })
})

describe('a grant', () => {
  test('that is read-only lets nothing change, and the app read on', async () => {
    const app = makeApp('read-only', packaged)
    const fs = fsOf(app, { claims: [[{ readOnly: true }], [{}, { readOnly: true }]] })
    assert.equal(await fs.readFile(BOX, 'data/one.txt', 'utf8'), 'one')
    for (const change of [
      fs.writeFile(BOX, 'x', 'x'),
      fs.deleteFile(BOX, 'data/one.txt'),
      fs.mkdir(BOX, 'x'),
      fs.rmdir(BOX, 'data', { recursive: true }),
      fs.copyFile(BOX, 'data/one.txt', WEB, 'x'),
      fs.moveDir(BOX, 'data', BOX, 'moved'),
    ])
      await assert.rejects(change, hasCode('FS_READ_ONLY'))
    assert.deepEqual(readdirSync(app.dataFolder), [])
  })

  test('that is read-only on one pathway does not bind another', async () => {
    const fs = fsOf(makeApp('paths'), { claims: [[{ readOnly: true }], [{}]] })
    await fs.writeFile(BOX, 'x', 'x')
  })

  for (const extra of [{ readOnly: 'yes' }, { readOnly: null }, { quotaBytes: '100' }]) {
    test(`that says ${JSON.stringify(extra)} gives nothing to write`, async () => {
      const fs = fsOf(makeApp('odd', packaged), { claims: [[extra]] })
      await assert.rejects(fs.writeFile(BOX, 'x', 'x'))
    })
  }

  test('with a quota holds over every way of making bytes', async () => {
    const app = makeApp('quota', { 'box/big': 'x'.repeat(60) })
    const fs = fsOf(app, { claims: [[{ quotaBytes: 100 }, {}]] })
    await fs.writeFile(BOX, 'a', 'x'.repeat(50))
    for (const change of [
      () => fs.writeFile(BOX, 'b', 'x'.repeat(51)),
      () => fs.appendFile(BOX, 'a', 'x'.repeat(51)),
      () => fs.copyFile(BOX, 'big', WEB, 'copy'),
      () => fs.moveFile(BOX, 'big', BOX, 'moved'),
      () => fs.appendFile(BOX, 'big', 'x'),
    ])
      await assert.rejects(change(), hasCode('FS_QUOTA'))
    await fs.writeFile(BOX, 'a', 'x'.repeat(10))
    await fs.copyFile(BOX, 'big', WEB, 'copy')
    await fs.deleteFile(WEB, 'copy')
    await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => fs.writeFile(BOX, `p${index}`, 'x'.repeat(30))),
    )
    const { measure } = await import('./overlay.ts')
    assert.ok(measure(join(app.dataFolder, 'box')).bytes <= 100)
  })

  test('bounds how many files there are, and how large one is', async () => {
    const fs = fsOf(makeApp('many'), { limits: { entriesMax: 3, fileBytesMax: 10 } })
    await fs.writeFile(BOX, 'a/b/c', 'x')
    await assert.rejects(fs.mkdir(BOX, 'd'), hasCode('FS_QUOTA'))
    await assert.rejects(fs.writeFile(BOX, 'a/b/c', 'x'.repeat(11)), hasCode('FS_TOO_LARGE'))
  })
})

test('the overlay agrees with a map of paths to contents', async () => {
  const names = ['a', 'b', 'c']
  const path = fc
    .array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join('/'))
  const step = fc.oneof(
    fc.record({ do: fc.constant('write' as const), path, text: fc.string({ maxLength: 5 }) }),
    fc.record({ do: fc.constant('append' as const), path, text: fc.string({ maxLength: 5 }) }),
    fc.record({
      do: fc.constantFrom('delete' as const, 'mkdir' as const, 'rmdir' as const, 'clear' as const),
      path,
    }),
    fc.record({
      do: fc.constantFrom('copyFile' as const, 'moveFile' as const, 'copyDir' as const, 'moveDir' as const),
      path,
      to: path,
    }),
  )
  const initial = fc.dictionary(path, fc.string({ maxLength: 5 }), { maxKeys: 5 })
  await fc.assert(
    fc.asyncProperty(initial, fc.array(step, { maxLength: 12 }), async (files, steps) => {
      const consistent = withoutConflicts(files)
      const app = makeApp(
        'model',
        Object.fromEntries(Object.entries(consistent).map(([at, text]) => [`box/${at}`, text])),
      )
      const fs = fsOf(app)
      const model = new Model(consistent)
      for (const { do: verb, ...args } of steps) {
        const real = await outcome(() => act(fs, verb, args))
        const expected = await outcome(() => Promise.resolve(model.act(verb, args)))
        assert.equal(real, expected, `${verb} ${JSON.stringify(args)}`)
        const seen = (await fs.walk(BOX, '/', { includeDirs: true })) as string[]
        assert.deepEqual([...seen].sort(), model.paths(), `after ${verb} ${JSON.stringify(args)}`)
        for (const [at, text] of model.files()) assert.equal(await fs.readFile(BOX, at, 'utf8'), text)
      }
      for (const [at, text] of Object.entries(consistent))
        assert.equal(readFileSync(join(app.packageFolder, 'box', at), 'utf8'), text)
    }),
    { numRuns: 150 },
  )
})

interface Args {
  readonly path: string
  readonly text?: string
  readonly to?: string
}

function act(fs: Fs, verb: string, { path, text, to }: Args): Promise<unknown> {
  switch (verb) {
    case 'write':
      return fs.writeFile(BOX, path, text)
    case 'append':
      return fs.appendFile(BOX, path, text)
    case 'delete':
      return fs.deleteFile(BOX, path)
    case 'mkdir':
      return fs.mkdir(BOX, path)
    case 'rmdir':
      return fs.rmdir(BOX, path)
    case 'clear':
      return fs.rmdir(BOX, path, { recursive: true })
    default:
      return fs[verb as 'copyFile'](BOX, path, BOX, to)
  }
}

async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'done'
  } catch (error) {
    return error instanceof Error && 'code' in error ? 'refused' : String(error)
  }
}

function withoutConflicts(files: Record<string, string>): Record<string, string> {
  const paths = Object.keys(files)
  return Object.fromEntries(
    Object.entries(files).filter(([at]) => !paths.some((path) => path.startsWith(`${at}/`))),
  )
}

/** Slow and obvious: every path there is, a folder as null. */
class Model {
  #tree = new Map<string, string | null>()

  constructor(files: Record<string, string>) {
    for (const [path, text] of Object.entries(files)) this.#put(path, text)
  }

  paths(): string[] {
    return [...this.#tree.keys()].sort()
  }

  files(): [string, string][] {
    return [...this.#tree].filter((entry): entry is [string, string] => entry[1] !== null)
  }

  act(verb: string, { path, text, to = '' }: Args): void {
    const at = this.#tree.get(path)
    switch (verb) {
      case 'write':
        return this.#put(path, text ?? '')
      case 'append':
        return this.#put(path, (at ?? '') + (text ?? ''))
      case 'delete':
        if (typeof at !== 'string') throw refusal()
        this.#tree.delete(path)
        return
      case 'mkdir':
        return this.#put(path, null)
      case 'rmdir':
        if (at !== null || this.#below(path).length > 0) throw refusal()
        this.#tree.delete(path)
        return
      case 'clear':
        if (typeof at === 'string') throw refusal()
        return this.#clear(path)
      case 'copyFile':
      case 'moveFile':
        if (typeof at !== 'string') throw refusal()
        if (path === to) return
        this.#put(to, at)
        if (verb === 'moveFile') this.#tree.delete(path)
        return
      default: {
        if (at !== null || to === path || to.startsWith(`${path}/`)) throw refusal()
        if (verb === 'moveDir' && this.#tree.has(to)) throw refusal()
        const below = this.#below(path).map(
          (inner) => [inner.slice(path.length), this.#tree.get(inner) ?? null] as const,
        )
        const before = new Map(this.#tree)
        try {
          this.#put(to, null)
          for (const [rest, value] of below) this.#put(to + rest, value)
        } catch (error) {
          if (verb === 'moveDir') this.#tree = before
          throw error
        }
        if (verb === 'moveDir') this.#clear(path)
      }
    }
  }

  #below(path: string): string[] {
    return [...this.#tree.keys()].filter((other) => other.startsWith(`${path}/`)).sort()
  }

  #clear(path: string): void {
    for (const inner of this.#below(path)) this.#tree.delete(inner)
    this.#tree.delete(path)
  }

  #put(path: string, value: string | null): void {
    const names = path.split('/')
    for (let depth = 1; depth < names.length; depth += 1)
      if (typeof this.#tree.get(names.slice(0, depth).join('/')) === 'string') throw refusal()
    const there = this.#tree.get(path)
    if (value === null ? typeof there === 'string' : there === null) throw refusal()
    for (let depth = 1; depth < names.length; depth += 1)
      this.#tree.set(names.slice(0, depth).join('/'), null)
    this.#tree.set(path, value)
  }
}

function refusal(): Error {
  return Object.assign(new Error('refused'), { code: 'MODEL' })
}
