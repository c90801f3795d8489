// What `npm run mutate` brings to Stryker: a runner of tests and a rule for what is not worth mutating.
import { readdirSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { takeCollected } from './collect.mjs'

/** Long runs over random input: what they would find is found sooner by `mutation/worlds.test.ts` and its like. */
const LEFT_OUT = new Set(['agree.test.ts', 'attack.test.ts', 'fuzz.test.ts', 'loading.test.ts'])
/** What takes long, where shorter tests follow the same. */
const LEFT_OUT_TESTS = [
  'check, explain and holders follow a pathway of any length',
  'a reading is at most 10,000 nodes and says what was left out; the answer is not bound',
  'groups nest as deep as anyone nests them',
]
/** `MUTATION_TESTS=check,worlds npm run mutate` asks only test files so named: less is noticed, much sooner. */
const ONLY = process.env.MUTATION_TESTS?.split(',')
/** The tests that kill most come first. */
const FIRST = 'worlds.test.ts'
/** Stryker lets a mutant be passed a hundred times as often as its code was: that takes longer than the time-out. */
const PATIENCE = 10
const FOLDERS = ['packages/engine/test/mutation', 'packages/engine/test', 'packages/engine/src']
const COLLECTOR = new URL('collect.mjs', import.meta.url).href

/**
 * Runs the tests inside of Stryker's worker, each mutant against just the tests that reach it. A process for each
 * test file, as the stock runners have it, takes a hundred times as long.
 */
class InProcessRunner {
  files
  reloads = 0
  generation = 0
  ns = (globalThis.__stryker__ ??= {})

  capabilities() {
    return { reloadEnvironment: true }
  }

  /** Loads and warms up before Stryker looks at the clock, so that only a mutant that never ends is out of time. */
  async init() {
    const base = pathToFileURL(process.cwd()).href
    registerHooks({
      resolve: (specifier, context, next) => {
        if (!context.parentURL?.startsWith(base)) return next(specifier, context)
        if (specifier === 'node:test') return { url: COLLECTOR, shortCircuit: true }
        const found = next(specifier, context)
        // A generation of its own for each mutant of what runs while modules load.
        const isOld = this.generation === 0 || !found.url.startsWith(base) || found.url.includes('?')
        return isOld ? found : { ...found, url: `${found.url}?generation=${this.generation}` }
      },
    })
    this.ns.activeMutant = undefined
    this.files = await this.warm()
  }

  async dryRun() {
    const results = []
    for (const { setUpId, setUpMs, fileName, tests } of this.files) {
      results.push({ id: setUpId, name: setUpId, fileName, timeSpentMs: setUpMs, status: 0 })
      for (const { id, body } of tests) {
        const start = performance.now()
        this.ns.currentTestId = id
        const failureMessage = await failureOf(body)
        this.ns.currentTestId = undefined
        const timeSpentMs = performance.now() - start
        const status = failureMessage === undefined ? 0 : 1
        results.push({ id, name: id, fileName, timeSpentMs, status, failureMessage })
      }
    }
    return { status: 'complete', tests: results, mutantCoverage: this.ns.mutantCoverage }
  }

  async mutantRun({ activeMutant, mutantActivation, testFilter, hitLimit: steps, disableBail }) {
    const { ns } = this
    const hitLimit = steps === undefined ? undefined : steps / PATIENCE
    ns.hitLimit = hitLimit
    ns.hitCount = hitLimit === undefined ? undefined : 0
    let { files } = this
    ns.activeMutant = activeMutant.id
    if (mutantActivation === 'static') {
      try {
        this.generation = ++this.reloads
        files = await this.load()
      } catch (error) {
        return killed([], `it does not load: ${String(error)}`, 0)
      } finally {
        this.generation = 0
        ns.currentTestId = undefined
      }
    }
    const wanted = testFilter && new Set(testFilter)
    const killedBy = []
    let message = ''
    let nrOfTests = 0
    for await (const { id, body } of this.wantedTests(files, wanted)) {
      nrOfTests++
      const failureMessage = await failureOf(body)
      if (hitLimit !== undefined && ns.hitCount > hitLimit)
        return { status: 'timeout', reason: 'hit limit reached' }
      if (failureMessage === undefined) continue
      killedBy.push(id)
      message ||= failureMessage
      if (!disableBail) break
    }
    return killedBy.length > 0 ? killed(killedBy, message, nrOfTests) : { status: 'survived', nrOfTests }
  }

  /** What a file works out before its tests run is worked out again where the mutant has a say in it. */
  async *wantedTests(files, wanted) {
    for (const { setUpId, fileName, tests } of files) {
      if (wanted?.has(setUpId) !== true) {
        for (const each of tests) if (wanted?.has(each.id) !== false) yield each
        continue
      }
      const body = async () => {
        takeCollected()
        await import(`${pathToFileURL(fileName).href}?again=${++this.reloads}`)
      }
      yield { id: setUpId, body }
      // These are fresh, so each of them runs for the first time.
      yield* testsOf(fileName)
    }
  }

  /** Keeps the tests that pass twice: one that uses up what its file set up would fail by itself the next time. */
  async warm() {
    const files = await this.load()
    for (const file of files) {
      const repeatable = []
      for (const each of file.tests) {
        this.ns.currentTestId = each.id
        await failureOf(each.body)
      }
      for (const each of file.tests) {
        this.ns.currentTestId = each.id
        if ((await failureOf(each.body)) === undefined) repeatable.push(each)
      }
      file.tests = repeatable
    }
    this.ns.currentTestId = undefined
    return files
  }

  /** From the sandbox, which is the working folder of a worker. */
  async load() {
    takeCollected()
    const query = this.generation === 0 ? '' : `?generation=${this.generation}`
    const urlOf = (path) => `${pathToFileURL(path).href}${query}`
    await import(urlOf(join(process.cwd(), 'packages/engine/src/index.ts')))
    const files = []
    for (const folder of FOLDERS) {
      const names = readdirSync(folder).filter((file) => isAsked(file))
      for (const file of names.sort(
        (a, b) => Number(b === FIRST) - Number(a === FIRST) || (a < b ? -1 : 1),
      )) {
        const fileName = join(process.cwd(), folder, file)
        const setUpId = `${file}: set-up`
        const start = performance.now()
        this.ns.currentTestId = setUpId
        await import(urlOf(fileName))
        this.ns.currentTestId = undefined
        files.push({ setUpId, setUpMs: performance.now() - start, fileName, tests: testsOf(fileName) })
      }
    }
    return files
  }
}

function isAsked(file) {
  if (!file.endsWith('.test.ts') || LEFT_OUT.has(file)) return false
  return ONLY === undefined || ONLY.some((each) => file.startsWith(each))
}

function testsOf(fileName) {
  return takeCollected()
    .filter(({ name }) => !LEFT_OUT_TESTS.some((each) => name.endsWith(each)))
    .map(({ name, body }) => ({ id: `${basename(fileName)}: ${name}`, body }))
}

function killed(killedBy, failureMessage, nrOfTests) {
  return { status: 'killed', killedBy, failureMessage, nrOfTests }
}

async function failureOf(body) {
  try {
    await body({ diagnostic() {} })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message.slice(0, 1000) || 'failed' : String(error)
  }
}

/**
 * Leaves out what only words a message: text with a space in it that goes into a thrown error, or into a function or
 * field that says something to a person. Codes, ids, places and permissions have no spaces, and are mutated.
 */
class WordingIgnorer {
  shouldIgnore(path) {
    if (!isText(path.node)) return undefined
    for (let at = path; at !== null && !at.isFunction() && !at.isStatement(); at = at.parentPath) {
      const { parent } = at
      const isInError =
        parent.type === 'NewExpression' &&
        parent.callee.name?.endsWith('Error') &&
        parent.arguments.includes(at.node)
      const isSaid = parent.type === 'CallExpression' && SAYING.has(parent.callee.name)
      const isField =
        parent.type === 'ObjectProperty' && parent.value === at.node && FIELDS.has(parent.key.name)
      if (isInError || isSaid || isField) return 'wording only'
    }
    return undefined
  }
}

const SAYING = new Set(['forbidden', 'require', 'invariant', 'namespace'])
const FIELDS = new Set(['problem', 'detail', 'hint', 'reason', 'doc', 'description'])

function isText(node) {
  if (node.type === 'StringLiteral') return node.value.includes(' ')
  return node.type === 'TemplateLiteral' && node.quasis.some((quasi) => quasi.value.raw.includes(' '))
}

export const strykerPlugins = [
  { kind: 'TestRunner', name: 'in-process', injectableClass: InProcessRunner },
  { kind: 'Ignore', name: 'wording', injectableClass: WordingIgnorer },
]
