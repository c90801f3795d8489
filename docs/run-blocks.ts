import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openEngine, parseChanges, parseFact } from '@castellan/engine'
import { readFactsFile } from '@castellan/protocol'
import { settingsShape } from '@castellan/server'
import type { Block } from './markdown.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BIN = join(ROOT, 'packages', 'cli', 'bin', 'castellan.js')
const CONDITION = '--conditions=castellan-src'

/**
 * Loaded before the commands of a page: what they print is what a reader sees on a terminal. Where the page sends it
 * elsewhere, into a file or another program, it stays as it is.
 */
const TERMINAL = `data:text/javascript,${encodeURIComponent(`
  import { fstatSync } from 'node:fs'
  const terminal = process.env.DOCS_TERMINAL
  if (terminal === 'all' || String(fstatSync(1).ino) === terminal)
    Object.assign(process.stdout, { isTTY: true, columns: 100 })
`)}`

/** Where the pages say that the server is. */
const ADDRESS = 'http://127.0.0.1:7070'
/**
 * Of this machine. But nobody listens on port 1, which is the point of asking there; and a script that serves something
 * itself asks `${port}`.
 */
const OTHER_ADDRESS = /(?:\b127\.[\d.]+|\blocalhost|\b0\.0\.0\.0|\[::1?\]):(?!1\b|\$\{port\})[\d$]+/g

/** What one command compiled, the next one need not. */
const CACHE = mkdtempSync(join(tmpdir(), 'castellan-docs-cache-'))
process.once('exit', () => rmSync(CACHE, { recursive: true, force: true }))

/** Longest that one command may take, in milliseconds: so that one that waits for ever is named. */
const COMMAND_MS_MAX = 30_000

/** What a block should have said, where it said something else. */
export interface Difference {
  readonly block: Block
  readonly text: string
}

/**
 * One page, run from its first block to its last, in a folder and a shell of its own: what a reader did above is there
 * below. A command that serves goes on until the page ends.
 */
export class PageRun implements AsyncDisposable {
  readonly #page: string
  readonly #dir: string
  readonly #env: Record<string, string>
  #shell: Shell | undefined
  #server: Server | undefined
  #scripts = 0

  constructor(page: string) {
    this.#page = page
    this.#dir = mkdtempSync(join(tmpdir(), 'castellan docs '))
    this.#env = makeFolder(this.#dir)
  }

  /** @returns the block as it should stand, or nothing when it is right @throws where it is wrong in itself */
  async run(block: Block): Promise<Difference | undefined> {
    this.#save(block)
    switch (block.language) {
      case 'console':
        return this.#runConsole(block)
      case 'http':
        return this.#runHttp(block)
      case 'ts':
      case 'js':
        return this.#runScript(block)
      case 'json':
      case 'jsonl':
      case 'yaml':
        return loadData(block)
      default:
        throw new Error(`nobody knows how to run \`${block.language}\`: mark it as not run, with the reason`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shell?.end()
    await this.#server?.stop()
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 5 })
  }

  /** As the reader was told to. */
  #save({ title, text, start }: Block): void {
    if (title === undefined) return
    assert.ok(
      this.#page.slice(0, start).includes(`\`${title}\``),
      `the text does not say to save \`${title}\``,
    )
    mkdirSync(dirname(join(this.#dir, title)), { recursive: true })
    writeFileSync(join(this.#dir, title), text)
  }

  async #runConsole(block: Block): Promise<Difference | undefined> {
    let text = ''
    let isRight = true
    for (const { command, output } of parseConsole(block)) {
      const actual = await this.#runCommand(command)
      const isSame = isMatch(output, actual)
      isRight &&= isSame
      text += `$ ${command.replaceAll('\n', '\n> ')}\n${isSame ? output : actual}`
    }
    return isRight ? undefined : { block, text }
  }

  async #runCommand(command: string): Promise<string> {
    this.#shell ??= new Shell(this.#dir, this.#env)
    if (/^(?:npm start|(?:npx )?castellan (?:start|serve)\b[^|>]*)$/.test(command)) {
      await this.#server?.stop()
      const words = command === 'npm start' ? 'start' : command.replace(/^(?:npx )?castellan /, '')
      this.#server = await Server.start(words, this.#shell, this.#env)
      return this.#asWritten(this.#server.greeting)
    }
    return this.#asWritten(await this.#shell.run(this.#asServed(command)))
  }

  /** What asks a server asks the one of its page, and no other that may be there: nothing answers is no answer. */
  #asServed(text: string): string {
    const address = this.#server?.address
    if (text.includes(ADDRESS)) assert.ok(address !== undefined, 'no server was started on this page')
    const others = text.replaceAll(ADDRESS, '').match(OTHER_ADDRESS) ?? []
    assert.deepEqual(others, [], `it asks another server than ${ADDRESS}`)
    return address === undefined ? text : text.replaceAll(ADDRESS, address)
  }

  #asWritten(text: string): string {
    const served = this.#server === undefined ? text : text.replaceAll(this.#server.address, ADDRESS)
    return withoutSecrets(served.replaceAll(this.#dir, '/home/you'))
  }

  /** A request and its answer; the server of the example is there when none is. */
  async #runHttp(block: Block): Promise<Difference | undefined> {
    await this.#needServer()
    const { method, path, body, status, answer } = parseExchange(block)
    const response = await fetch(this.#server!.address + path, {
      method,
      headers: {
        Authorization: `Bearer ${this.#token()}`,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    })
    if (response.headers.get('content-type') === 'text/event-stream') {
      const said = this.#asWritten(await readEvents(response, answer.trimEnd().split('\n\n').length))
      const request = block.text.slice(0, block.text.length - answer.length)
      return plain(said) === plain(answer) ? undefined : { block, text: request + said }
    }
    const actual: unknown = await response.json()
    if (response.status === status && isSameJson(JSON.parse(answer), actual)) return undefined
    const request = block.text.slice(0, block.text.indexOf('HTTP/1.1'))
    return {
      block,
      text: `${request}HTTP/1.1 ${response.status} ${response.statusText}\n\n${withoutSecrets(printJson(actual))}\n`,
    }
  }

  async #needServer(): Promise<void> {
    if (this.#server === undefined) await this.#runCommand('castellan start')
  }

  #token(): string {
    const text = readFileSync(join(this.#dir, 'castellan-data', 'login.json'), 'utf8')
    return (JSON.parse(text) as { readonly token: string }).token
  }

  /** A whole module; what each `console.log` prints stands behind it as a comment. Without any it has to end well. */
  async #runScript(block: Block): Promise<Difference | undefined> {
    const name = block.title ?? `block-${++this.#scripts}.${block.language}`
    writeFileSync(join(this.#dir, name), this.#asServed(block.text))
    this.#shell ??= new Shell(this.#dir, this.#env)
    const said = (await this.#shell.run(`DOCS_TERMINAL= node ${name}`)).split('\n').slice(0, -1)
    assert.equal(await this.#shell.run('echo $?'), '0\n', said.join('\n'))
    const wanted = [...block.text.matchAll(/^ *console\.log\(.*\) \/\/ (.*)$/gm)].map((match) => match[1])
    if (wanted.length === 0) return undefined
    assert.deepEqual(
      said.map(plain),
      wanted.map((line) => plain(line ?? '')),
    )
    return undefined
  }
}

/** What a reader has in the folder that the pages speak of. */
function makeFolder(dir: string): Record<string, string> {
  const bin = join(dir, '.bin')
  mkdirSync(bin)
  writeProgram(join(bin, 'castellan'), `exec ${quote(process.execPath)} ${CONDITION} ${quote(BIN)} "$@"`)
  // Npm takes longer to find the command than the command takes.
  writeProgram(join(bin, 'npx'), '[ "$1" = castellan ] || exit 127\nshift\nexec castellan "$@"')
  cpSync(join(ROOT, 'examples'), join(dir, 'examples'), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'), 'junction')
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}\n')
  return {
    PATH: [bin, dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
    HOME: dir,
    LANG: 'C.UTF-8',
    NO_COLOR: '1',
    NODE_COMPILE_CACHE: CACHE,
    NODE_OPTIONS: `${CONDITION} --import ${TERMINAL}`,
  }
}

function writeProgram(file: string, text: string): void {
  writeFileSync(file, `#!/bin/sh\n${text}\n`)
  chmodSync(file, 0o755)
}

function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** Ends what one command printed; then comes its status. */
const END = '\n\u001e'

class Shell {
  readonly #child: ChildProcess & { readonly stdin: Writable; readonly stdout: Readable }
  readonly #closed: Promise<void>
  #said = ''
  #ready: Promise<string>

  constructor(dir: string, env: Record<string, string>) {
    this.#child = spawn('bash', ['--noprofile', '--norc'], {
      cwd: dir,
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.stdout.setEncoding('utf8').on('data', (chunk: string) => (this.#said += chunk))
    this.#closed = new Promise((resolve) => {
      this.#child.once('close', () => resolve())
    })
    const inode = `node -p 'require("fs").fstatSync(3).ino'`
    this.#ready = this.#send(`exec 3>&1\nexport DOCS_TERMINAL=$(${inode})`)
  }

  /** @returns what it printed, both outputs in the order in which they came */
  async run(command: string): Promise<string> {
    await this.#ready
    return this.#send(command)
  }

  async end(): Promise<void> {
    this.#child.stdin.end('exit\n')
    await this.#closed
  }

  async #send(command: string): Promise<string> {
    this.#said = ''
    this.#child.stdin.write(
      `{ (exit "\${status:-0}")\n${command}\n} </dev/null 2>&1; status=$?; printf '\\n\\036%s\\n' "$status"\n`,
    )
    const deadline = performance.now() + COMMAND_MS_MAX
    while (!this.#isEnded()) {
      if (this.#child.exitCode !== null) throw new Error(`the shell ended with \`${command}\`\n${this.#said}`)
      if (performance.now() > deadline) {
        this.#child.kill('SIGKILL')
        throw new Error(`\`${command}\` does not end\n${this.#said}`)
      }
      await sleep(5)
    }
    return this.#said.slice(0, this.#said.lastIndexOf(END))
  }

  #isEnded(): boolean {
    return /^\d+\n$/.test(this.#said.split(END).at(-1) ?? '') && this.#said.includes(END)
  }
}

class Server {
  readonly address: string
  readonly greeting: string
  readonly #child: ChildProcess
  readonly #closed: Promise<void>

  private constructor(child: ChildProcess, closed: Promise<void>, greeting: string, address: string) {
    this.#child = child
    this.#closed = closed
    this.greeting = greeting
    this.address = address
  }

  /** Starts it where the shell stands, on a free port, and waits until it says that it is ready. */
  static async start(words: string, shell: Shell, env: Record<string, string>): Promise<Server> {
    const cwd = (await shell.run('pwd')).trimEnd()
    const [command = '', ...others] = words.replace(/ --port \d+/, '').split(' ')
    const child = spawn(process.execPath, [BIN, command, '--port', '0', ...others], {
      cwd,
      env: { ...env, DOCS_TERMINAL: 'all' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
    let isOver = false
    const closed = new Promise<void>((resolve) => {
      child.once('close', () => {
        isOver = true
        resolve()
      })
    })
    const isGreeted = command === 'start' ? /holders a:b\n/ : /listening on .*\n/
    while (!isGreeted.test(said)) {
      if (isOver) throw new Error(`\`castellan ${words}\` ended\n${said}`)
      await sleep(5)
    }
    return new Server(child, closed, said, /http:\/\/[\d.]+:\d+/.exec(said)![0])
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#closed
  }
}

/** So many events of a stream that does not end, without the signs of life between them. */
async function readEvents(response: Response, count: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true }).replaceAll(/^:.*\n\n/gm, '')
    if (text.split('\n\n').length > count) break
  }
  return `${text.split('\n\n').slice(0, count).join('\n\n')}\n`
}

interface Step {
  /** Lines joined, without the prompts. */
  readonly command: string
  readonly output: string
}

function parseConsole({ text }: Block): Step[] {
  const steps: { command: string; output: string }[] = []
  for (const line of text.split('\n').slice(0, -1)) {
    const last = steps.at(-1)
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), output: '' })
    else if (last === undefined) throw new Error('a console begins with a command: `$ …`')
    else if (line.startsWith('> ') && last.output === '') last.command += `\n${line.slice(2)}`
    else last.output += `${line}\n`
  }
  return steps
}

/** A line that is `…` stands for any lines. */
function isMatch(expected: string, actual: string): boolean {
  const parts = plain(expected)
    .split(/^…\n/m)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  return new RegExp(`^${parts.join('(?:.*\n)*')}$`).test(plain(actual))
}

/** What differs from run to run. */
const CHANGING: readonly (readonly [RegExp, string])[] = [
  [/cst_[\w-]{43}/g, '<secret>'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '<time>'],
  [/"time":\d+(?:\.\d+)?/g, '"time":<time>'],
  [/\b[0-9a-f]{64}\b/g, '<hash>'],
  [/\b[0-9a-f]{24}\b/g, '<id>'],
  [/\d+\.\d+ ms/g, '<span>'],
  [/process \d+/g, 'process <pid>'],
  [/Node \d+\.\d+\.\d+/g, 'Node <version>'],
]

/** What stands in the pages opens nothing, and looks like it. */
function withoutSecrets(text: string): string {
  return text.replaceAll(/cst_[\w-]{43}/g, 'cst_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG')
}

function plain(text: string): string {
  let result = text.replaceAll(/[ \t\r]+$/gm, '')
  for (const [pattern, name] of CHANGING) result = result.replaceAll(pattern, name)
  return result
}

interface Exchange {
  readonly method: string
  readonly path: string
  readonly body: string | undefined
  readonly status: number
  readonly answer: string
}

const EXCHANGE =
  /^(?<method>[A-Z]+) (?<path>\S+)\n(?:\n(?<body>[^]*?)\n)?\nHTTP\/1\.1 (?<status>\d+) [\w ]+\n\n(?<answer>[^]*)$/

function parseExchange({ text }: Block): Exchange {
  const { method, path, body, status, answer } = EXCHANGE.exec(text)?.groups ?? {}
  assert.ok(
    method !== undefined && path !== undefined && answer !== undefined,
    `no request and answer:\n${text}`,
  )
  if (body !== undefined) JSON.parse(body)
  return { method, path, body, status: Number(status), answer }
}

/** Lines no longer than these pages are wide, where that can be. */
const COLUMNS = 100

function printJson(value: unknown, indent = ''): string {
  const line = JSON.stringify(value, null, 1).replaceAll(/\n */g, ' ')
  if (indent.length + line.length <= COLUMNS || typeof value !== 'object' || value === null) return line
  const deeper = `${indent}  `
  const items = Array.isArray(value)
    ? value.map((item) => deeper + printJson(item, deeper))
    : Object.entries(value).map(
        ([key, item]) => `${deeper}${JSON.stringify(key)}: ${printJson(item, deeper)}`,
      )
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return `${open}\n${items.join(',\n')}\n${indent}${close}`
}

/** Names of what differs from run to run. */
const CHANGING_KEYS = new Set(['requestId', 'time', 'hash', 'previous'])

function isSameJson(expected: unknown, actual: unknown): boolean {
  return JSON.stringify(settled(expected)) === JSON.stringify(settled(actual))
}

function settled(value: unknown): unknown {
  if (typeof value === 'string') return plain(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(settled)
  const isTimed = '$' in value && value.$ === 'time'
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      CHANGING_KEYS.has(key) || (isTimed && key === 'value') ? '' : settled(each),
    ]),
  )
}

/** Read by whatever reads it in earnest. */
function loadData({ language, title, text }: Block): undefined {
  if (language === 'yaml' || language === 'jsonl') return loadFacts(`world.${language}`, text)
  const value: unknown = JSON.parse(text)
  if (title?.endsWith('castellan.json') === true) settingsShape.parse(value)
  if (Array.isArray(value)) parseChanges(value)
  else if (typeof value === 'object' && value !== null && 'changes' in value) parseChanges(value.changes)
  else if (typeof value === 'object' && value !== null && 'kind' in value) parseFact(value)
  return undefined
}

/** Expectations are asked as `castellan test` asks them. */
function loadFacts(name: string, text: string): undefined {
  if (text.startsWith('{"actor"')) {
    for (const line of text.trimEnd().split('\n')) JSON.parse(line)
    return undefined
  }
  const { facts, expectations } = readFactsFile({ name, content: text }, parseFact)
  const engine = openEngine({ facts })
  for (const expectation of expectations) {
    const asking = expectation.now === undefined ? {} : { now: expectation.now }
    if (expectation.kind === 'allowed')
      assert.equal(
        engine.check(expectation.actor, expectation.permissions, asking),
        expectation.allowed,
        `line ${expectation.place.line}`,
      )
    else
      assert.deepEqual(
        engine.holders(expectation.permission, asking).items.map(({ actor }) => actor),
        [...expectation.actors].sort(),
        `line ${expectation.place.line}`,
      )
  }
  return undefined
}
