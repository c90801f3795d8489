// A longer run of what `npm test` runs a sample of. `npm run fuzz -- --requests 100000 --seed 1`; prints a table and
// keeps it in RESULTS.md beside it.
import { writeFileSync } from 'node:fs'
import * as os from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MEANINGS, type ProblemCode } from '@castellan/protocol'
import { NOT_OF_ROUTES } from '../../src/openapi/codes.ts'
import { EXCEPTIONS } from './judge.ts'
import { runFuzz } from './run.ts'
import { FuzzError } from './sender.ts'
import type { FuzzReport } from './tally.ts'

/** Requests between two lines of progress. */
const PROGRESS_REQUESTS = 5_000

const options = { requests: { type: 'string' }, seed: { type: 'string' } } as const
const { values } = parseArgs({ options })
const settings = { requests: count(values.requests ?? '100000'), seed: count(values.seed ?? '1') }

try {
  const start = performance.now()
  const report = await runFuzz({ ...settings, onEpisode: sayProgress })
  const text = write(report, (performance.now() - start) / 1000)
  console.log(text)
  writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text)
} catch (error) {
  if (!(error instanceof FuzzError)) throw error
  console.error(error.message)
  process.exitCode = 1
}

function count(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`a number is wanted, not \`${text}\``)
  return Number(text)
}

function sayProgress(done: number): void {
  if (done % PROGRESS_REQUESTS === 0) console.error(`${done} of ${settings.requests} requests`)
}

function write(report: FuzzReport, seconds: number): string {
  const rows: readonly (readonly [string, string | number])[] = [
    ['requests, each answered in time and as the document says', report.requests],
    ['of these as the document wants them', report.valid],
    ['nearly so, refused exactly when the document does', report.near],
    ['not at all', report.hostile],
    ['worlds they were sent to', report.episodes],
    ['questions asked of these at the end, each answered rightly', report.questions],
    ['slowest answer, in milliseconds', Math.round(report.slowest.ms)],
    ['megabytes of heap after the first world', Math.round(report.heap[0] / 1e6)],
    ['megabytes of heap after the last', Math.round(report.heap[1] / 1e6)],
    ['seconds', Math.round(seconds)],
  ]
  const machine = `${os.cpus()[0]?.model.trim() ?? 'unknown processor'}, ${os.availableParallelism()} cores, Node ${process.versions.node}`
  const operations = [...report.operations].sort(([a], [b]) => (a < b ? -1 : 1))
  const elsewhere: readonly string[] = NOT_OF_ROUTES
  const codes = (Object.keys(MEANINGS) as ProblemCode[]).filter((code) => !elsewhere.includes(code))
  const unseen = codes.filter((code) => !report.codes.has(code))
  const unused = EXCEPTIONS.filter((each) => !report.exceptions.has(each))
  return `# Fuzz

\`npm run fuzz -- --requests ${settings.requests} --seed ${settings.seed}\` on ${machine}. The slowest was ${report.slowest.what}.

| what | count |
|---|---:|
${rows.map(([what, value]) => `| ${what} | ${value.toLocaleString('en')} |`).join('\n')}

| operation | sent | not refused |
|---|---:|---:|
${operations.map(([id, { sent, answered }]) => `| \`${id}\` | ${sent.toLocaleString('en')} | ${answered.toLocaleString('en')} |`).join('\n')}

Codes that some operation can give and none gave here: ${list(unseen)}.

Requests that the document allows and a rule beyond any schema refuses as malformed: ${EXCEPTIONS.length} kinds, ${unused.length} of them not met.
`
}

function list(codes: readonly string[]): string {
  return codes.length === 0 ? 'none' : codes.map((code) => `\`${code}\``).join(', ')
}
