// What `npm run mutate` brings to Stryker: a runner of tests and a rule for what is not worth mutating.
import { readdirSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { takeCollected } from './collect.mjs'

/** Long runs over random input: what they would find is found sooner by `mutation/worlds.test.ts`. */
const LEFT_OUT = new Set(['agree.test.ts', 'fuzz.test.ts'])
const FOLDERS = ['packages/engine/test/mutation', 'packages/engine/test', 'packages/engine/src']
const COLLECTOR = new URL('collect.mjs', import.meta.url).href

/**
 * Runs the tests inside of Stryker's worker, each mutant against just the tests that reach it. A process for each
 * test file, as the stock runners have it, takes a hundred times as long.
 */
class InProcessRunner {
  tests
  ns = (globalThis.__stryker__ ??= {})

  capabilities() {
    // Mutants of what runs while modules load get a fresh worker from Stryker.
    return { reloadEnvironment: false }
  }

  async dryRun() {
    await this.load()
    const results = []
    for (const { id, name, fileName, body } of this.tests) {
      const start = performance.now()
      this.ns.currentTestId = id
      const failureMessage = await failureOf(body)
      this.ns.currentTestId = undefined
      const timeSpentMs = performance.now() - start
      results.push({ id, name, fileName, timeSpentMs, status: failureMessage === undefined ? 0 : 1, failureMessage })
    }
    return { status: 'complete', tests: results, mutantCoverage: this.ns.mutantCoverage }
  }

  async mutantRun({ activeMutant, mutantActivation, testFilter, hitLimit, disableBail }) {
    const { ns } = this
    ns.hitLimit = hitLimit
    ns.hitCount = hitLimit === undefined ? undefined : 0
    ns.activeMutant = mutantActivation === 'static' ? activeMutant.id : undefined
    try {
      await this.load()
    } catch (error) {
      return { status: 'killed', killedBy: [], failureMessage: `it does not load: ${error}`, nrOfTests: 0 }
    }
    ns.activeMutant = activeMutant.id
    const wanted = testFilter && new Set(testFilter)
    const killedBy = []
    let message = ''
    let nrOfTests = 0
    for (const { id, body } of this.tests) {
      if (wanted?.has(id) === false) continue
      nrOfTests++
      const failureMessage = await failureOf(body)
      if (hitLimit !== undefined && ns.hitCount > hitLimit) return { status: 'timeout', reason: 'hit limit reached' }
      if (failureMessage === undefined) continue
      killedBy.push(id)
      message ||= failureMessage
      if (!disableBail) break
    }
    return killedBy.length > 0
      ? { status: 'killed', killedBy, failureMessage: message, nrOfTests }
      : { status: 'survived', nrOfTests }
  }

  /** From the sandbox, which is the working folder of a worker. */
  async load() {
    if (this.tests !== undefined) return
    const base = pathToFileURL(process.cwd()).href
    registerHooks({
      resolve: (specifier, context, next) =>
        specifier === 'node:test' && context.parentURL?.startsWith(base)
          ? { url: COLLECTOR, shortCircuit: true }
          : next(specifier, context),
    })
    this.tests = []
    for (const folder of FOLDERS) {
      for (const file of readdirSync(folder).sort()) {
        if (!file.endsWith('.test.ts') || LEFT_OUT.has(file)) continue
        const fileName = join(process.cwd(), folder, file)
        await import(pathToFileURL(fileName).href)
        for (const { name, body } of takeCollected())
          this.tests.push({ id: `${file}: ${name}`, name: `${file}: ${name}`, fileName, body })
      }
    }
  }
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
        parent.type === 'NewExpression' && /Error$/.test(parent.callee.name) && parent.arguments.includes(at.node)
      const isSaid = parent.type === 'CallExpression' && SAYING.has(parent.callee.name)
      const isField = parent.type === 'ObjectProperty' && parent.value === at.node && FIELDS.has(parent.key.name)
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
