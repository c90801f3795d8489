import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import type { Job } from './job.ts'
import { loadText, machineLine } from './machine.ts'
import { number, printResults, printTable, type Row } from './report.ts'
import { runJob } from './run-job.ts'

const USAGE = `npm run bench -- [part…] [--size 10k,100k,1M] [--quick] [--seed 1] [--folder DIR]

Parts: check, lookups, memory, open, changes, http. All of them at all sizes take a quarter of an hour and write RESULTS.md.`

const SIZES: Readonly<Record<string, number>> = { '10k': 10_000, '100k': 100_000, '1M': 1_000_000 }

/** Each part with the sizes it is run at. */
const PARTS: Readonly<Record<string, readonly number[]>> = {
  check: [10_000, 100_000, 1_000_000],
  lookups: [10_000, 100_000, 1_000_000],
  memory: [10_000, 100_000, 1_000_000],
  open: [1_000_000],
  changes: [10_000],
  http: [100_000],
}

await main()

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      size: { type: 'string' },
      seed: { type: 'string', default: '1' },
      quick: { type: 'boolean', default: false },
      folder: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(USAGE)
  const isWhole = positionals.length === 0 && values.size === undefined && !values.quick
  const sizes = values.size?.split(',').map(parseSize) ?? (values.quick ? [10_000] : undefined)
  const jobs = (positionals.length === 0 ? Object.keys(PARTS) : positionals).flatMap((part) =>
    (sizes ?? sizesOf(part)).map((grants): Job => ({
      part,
      grants,
      seed: Number(values.seed),
      quick: values.quick,
      folder: values.folder,
    })),
  )

  const start = performance.now()
  const rows: Row[] = []
  for (const job of jobs) {
    process.stderr.write(`${job.part}, ${number(job.grants)} grants … `)
    const since = performance.now()
    rows.push(...(await runJob<Row[]>(job)))
    process.stderr.write(`${((performance.now() - since) / 1000).toFixed(1)} s\n`)
  }
  console.log(`\n${machineLine()}; load average ${loadText()}\n\n${printTable(rows)}`)
  if (!isWhole) return
  const minutes = (performance.now() - start) / 60_000
  writeFileSync(
    new URL('../RESULTS.md', import.meta.url),
    printResults(rows, { minutes, load: loadText(), seed: Number(values.seed) }),
  )
}

function sizesOf(part: string): readonly number[] {
  const sizes = PARTS[part]
  if (sizes === undefined) throw new Error(`no part \`${part}\`\n\n${USAGE}`)
  return sizes
}

function parseSize(text: string): number {
  const size = SIZES[text]
  if (size === undefined) throw new Error(`no size \`${text}\`: one of ${Object.keys(SIZES).join(', ')}`)
  return size
}
