import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, describe, test } from 'node:test'
import { PassThrough } from 'node:stream'
import { text as readStream } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { run } from '../packages/cli/src/cli.ts'
import { processIo } from '../packages/cli/src/io.ts'
import { ALL_ROUTES } from '../packages/server/src/app.ts'
import { findAnchors, findBlocks, findLinks, findRegion } from './markdown.ts'
import { PageRun, type Difference } from './run-blocks.ts'
import { TABLES } from './tables.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PAGES = ['README.md', 'CONTRIBUTING.md', ...listPages('docs')]
/** With it the pages are corrected instead of refused; read what changed before you keep it. */
const IS_UPDATE = (process.env['UPDATE_DOCS'] ?? '') !== ''

/** Enough to keep the processor busy while others wait for a disk. */
const PAGES_AT_ONCE = 4

const skipped: string[] = []

describe('code blocks', { concurrency: PAGES_AT_ONCE }, () => {
  for (const page of PAGES) test(page, () => runPage(page))
  after(() => {
    console.log(`${skipped.length} blocks are not run${skipped.map((line) => `\n  ${line}`).join('')}`)
  })
})

test('the TypeScript of the pages has no mistakes in its types', () => {
  const dir = mkdtempSync(join(tmpdir(), 'castellan-docs-types-'))
  try {
    for (const page of PAGES)
      for (const { language, line, text } of findBlocks(readPage(page)))
        if (language === 'ts') writeFileSync(join(dir, `${page.replaceAll(/[/\\]/g, '-')}-${line}.ts`), text)
    symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'), 'junction')
    writeFileSync(join(dir, 'package.json'), '{"type":"module"}')
    const types = { types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')] }
    const config = { extends: join(ROOT, 'tsconfig.base.json'), compilerOptions: types, include: ['*.ts'] }
    writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', dir], { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

describe('tables', () => {
  for (const table of TABLES) {
    const { page, name } = table
    test(`${page} has ${name} as the code has them`, async () => {
      const wanted = await table.write()
      const text = readPage(page)
      const region = findRegion(text, name)
      assert.ok(region !== undefined, `there is no place for it: <!-- ${name} --> … <!-- /${name} -->`)
      if (region.text === wanted) return
      if (IS_UPDATE) writePage(page, replaced(text, region, wanted))
      else assert.equal(region.text, wanted, 'UPDATE_DOCS=1 corrects it')
    })
  }
})

test('there is an example of every route', () => {
  const examplesIn = (page: string) => findBlocks(readPage(page)).map(({ text }) => text)
  const [own, authzen] = [examplesIn('docs/http.md'), examplesIn('docs/authzen.md')]
  for (const { method, path, tag } of ALL_ROUTES) {
    const examples = tag === 'AuthZEN' ? authzen : own
    const pattern = path.replaceAll('.', String.raw`\.`).replaceAll(/\{\w+\}/g, '[^/?\\s]+')
    const curl = method === 'GET' ? String.raw`|^\$ curl .*${pattern}(?:\s|$)` : ''
    const request = new RegExp(String.raw`^${method} ${pattern}(?:\?\S*)?$${curl}`, 'm')
    assert.ok(
      examples.some((text) => request.test(text)),
      `${method} ${path}`,
    )
  }
})

describe('docs/cli.md', () => {
  // What is written there comes from the same data as the help; this looks at what people see.
  for (const { path, lines } of findCommands(readPage('docs/cli.md'))) {
    test(`says of \`castellan ${path.join(' ')}\` what its help says`, async () => {
      const help = await helpOf(path)
      for (const line of lines) assert.ok(help.includes(line), `the help does not say: ${line}\n${help}`)
    })
  }

  test('has every command that the help names', async () => {
    const documented = new Set(findCommands(readPage('docs/cli.md')).map(({ path }) => path[0]))
    const named = (await helpOf([])).matchAll(/^ {2}(?<name>[a-z]+) .* {2}\S/gm)
    const names = [...named].map(({ groups }) => groups!['name']!)
    assert.ok(names.length > 20, names.join(' '))
    assert.deepEqual(
      names.filter((name) => !documented.has(name) && name !== 'completion'),
      [],
    )
  })
})

describe('links', () => {
  for (const page of PAGES) {
    test(`${page} leads to what is there`, () => {
      for (const link of findLinks(readPage(page))) assertLeadsSomewhere(page, link)
    })
  }

  test('every page can be reached from the README', () => {
    const reached = new Set(['README.md'])
    for (const page of reached)
      for (const link of findLinks(readPage(page))) {
        const [path = ''] = link.split('#')
        const target = join(dirname(page), path)
        if (path.endsWith('.md') && !path.includes(':')) reached.add(target)
      }
    assert.deepEqual(
      PAGES.filter((page) => !reached.has(page)),
      [],
    )
  })
})

async function runPage(page: string): Promise<void> {
  const text = readPage(page)
  const differences: Difference[] = []
  await using run = new PageRun(text)
  for (const block of findBlocks(text)) {
    if (block.notRun !== undefined) {
      skipped.push(`${page}:${block.line}: ${block.notRun}`)
      continue
    }
    try {
      const difference = await run.run(block)
      if (difference !== undefined) differences.push(difference)
    } catch (error) {
      if (error instanceof Error) error.message = `${page}:${block.line}: ${error.message}`
      throw error
    }
  }
  if (IS_UPDATE) {
    const corrected = differences.reduceRight(
      (whole, { block, text: right }) => replaced(whole, block, right),
      text,
    )
    if (corrected !== text) writePage(page, corrected)
    return
  }
  for (const { block, text: right } of differences)
    assert.equal(
      block.text,
      right,
      `${page}:${block.line}: it says something else now; UPDATE_DOCS=1 corrects it`,
    )
}

interface CommandSection {
  readonly path: readonly string[]
  /** Its usage, summary and options, each as its help has it. */
  readonly lines: readonly string[]
}

function findCommands(page: string): CommandSection[] {
  return page
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [usage = '', summary = ''] = section.split('\n\n')
      const words = usage.replaceAll('`', '').split(' ').slice(1)
      const path = words.filter((word) => /^[a-z]+$/.test(word))
      const args = words.filter((word) => /^[<[]/.test(word) && word !== '<command…>')
      const options = [
        ...section.matchAll(/^- `(?<flags>--[^`]+)`: (?<doc>.*?)(?: \(one of .*| \(required\))?$/gm),
      ]
      const first = summary.slice(0, 1).toLowerCase() + summary.slice(1).split(/\. |\.$/)[0]!
      return {
        path,
        lines: [args.join(' '), first, ...options.flatMap(({ groups }) => Object.values(groups!))],
      }
    })
}

/** On one line each, however narrow the terminal; of a group, what stands in it. */
async function helpOf(path: readonly string[]): Promise<string> {
  const stdout = Object.assign(new PassThrough(), { columns: 1_000 })
  const io = { ...processIo(), stdout, env: {} }
  // `preview` of the reference stands for all that can follow it.
  assert.equal(await run([...path, ...(path[0] === 'preview' ? ['revoke'] : []), '--help'], io), 0)
  stdout.end()
  const own = await readStream(stdout)
  return path[0] === 'preview' ? own + (await helpOf([])) : own
}

function assertLeadsSomewhere(page: string, link: string): void {
  assert.ok(!/^[a-z]+:/.test(link), `${link} leads out of the repository: nobody can check it here`)
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : join(dirname(page), path)
  assert.ok(existsSync(resolve(ROOT, target)), `${link} leads nowhere`)
  if (anchor !== undefined) assert.ok(findAnchors(readPage(target)).has(anchor), `${link}: no such heading`)
}

function replaced(
  whole: string,
  place: { readonly start: number; readonly text: string },
  text: string,
): string {
  return whole.slice(0, place.start) + text + whole.slice(place.start + place.text.length)
}

function listPages(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
    .sort()
}

function readPage(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8')
}

function writePage(page: string, text: string): void {
  writeFileSync(join(ROOT, page), text)
}
