import { machineLine } from './machine.ts'

/** One line of the table. Texts are for people; `target` says what was asked for and whether it was reached. */
export interface Row {
  readonly measure: string
  readonly grants: string
  readonly castellan: string
  readonly floor?: string
  readonly ratio?: string
  readonly peers?: string
  readonly target?: Target
}

export interface Target {
  readonly text: string
  readonly met: boolean
  /** By how much it was missed or beaten. */
  readonly by: string
}

/** At least this, or it is short by so many percent. */
export function atLeast(value: number, wanted: number, text: string): Target {
  const share = value / wanted - 1
  return {
    text,
    met: value >= wanted,
    by: value >= wanted ? `${percent(share)} over` : `${percent(-share)} short`,
  }
}

/** At most this, or it is over by so many percent. */
export function atMost(value: number, wanted: number, text: string): Target {
  const share = value / wanted - 1
  return {
    text,
    met: value <= wanted,
    by: value <= wanted ? `${percent(-share)} to spare` : `${percent(share)} too much`,
  }
}

const COLUMNS = ['measure', 'grants', 'this', 'floor', 'ratio', 'peers', 'target', 'met'] as const

/** The table as Markdown, aligned so that it reads as well on a terminal. */
export function printTable(rows: readonly Row[]): string {
  const cells = rows.map(({ measure, grants, castellan, floor, ratio, peers, target }) => [
    measure,
    grants,
    castellan,
    floor ?? '',
    ratio ?? '',
    peers ?? '',
    target?.text ?? '',
    target === undefined ? '' : `${target.met ? 'yes' : '**no**'}, ${target.by}`,
  ])
  const widths = COLUMNS.map((name, column) =>
    Math.max(name.length, ...cells.map((row) => row[column]!.length)),
  )
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  return [
    line(COLUMNS),
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`,
    ...cells.map(line),
  ].join('\n')
}

/** What `RESULTS.md` says. */
export function printResults(
  rows: readonly Row[],
  facts: { readonly minutes: number; readonly load: string; readonly seed: number },
): string {
  return `# Results

Made by \`npm run bench\`; every number is a median. The machine: ${machineLine()}. The run took
${facts.minutes.toFixed(1)} minutes, seed ${facts.seed}, load average at its end ${facts.load}.

${printTable(rows)}

${NOTES}`
}

/** What the numbers mean, and what each peer was given. */
const NOTES = `## How to read it

The world is a generated app platform: 60 % of the grants from user to user, 25 % to Zipf-sized groups, 10 % to apps, 5 %
re-delegation in chains of up to 8; files in folders up to 6 deep. Half the answers are yes. No question is asked twice,
nothing remembers a decision, and each string was made for its question, so nothing knows its hash. All candidates are asked
in turns within one process, round after round; a ratio is the median of the ratios within rounds, so that what else the
machine does falls on both sides. Every answer of every candidate is compared with the truth.

- **floor, strings** and **floor, integers**: a breadth-first walk over plain Maps, written by hand for this world. They parse
  and check nothing, cannot change, know no expiry, no suspension and no rules, and explain nothing. The second is asked in
  integers.
- **sqlite**: one recursive query over indexed tables in memory (\`node:sqlite\`). The only peer that is given the whole world.
- **casl**, **cedar**, **casbin** know no issuers: they are given only the grants whose issuer holds what he gives, found for
  them beforehand, and would not notice a broken chain. CASL is given each actor's rules ready-made and the file's folders with
  every question. Cedar is given, with each question, the policies and entities that can matter to it, gathered and (the
  policies) parsed beforehand; it refuses groups that are in each other, so groups come flattened. node-casbin looks at every
  policy on every question and is asked at 10 thousand grants only.
- **bytes a grant**: live heap and buffers after loading and a collection, less those before, divided by the grants; users,
  groups, memberships, folders and owners are counted in. In a process of its own.
- **open**: from starting to open the database to the first answer, the file in the page cache.
- **durable**: acknowledged changes a second, each adding one grant, WAL and \`synchronous=FULL\`; the floor is one-row commits of
  bare \`node:sqlite\` with the same settings in the same folder, in turns.
- **HTTP**: server on one core, load generator on another, 32 connections kept alive; the floor is a bare \`node:http\` server that
  reads a body of the same size and answers with as many bytes. The facts are in SQLite in the same folder as those of the durable
  changes. At half of the top rate, requests are sent at a steady pace whether or not those before are answered, and a check is
  timed from when it was due; changes come over connections of their own.
`

export function perSecond(rate: number): string {
  return `${number(rate)}/s`
}

export function micros(value: number): string {
  return `${short(value)} µs`
}

export function millis(value: number): string {
  return value >= 1000 ? `${short(value / 1000)} s` : `${short(value)} ms`
}

export function times(ratio: number): string {
  return `${ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(0)} ×`
}

/** 12_345 is `12.3 k`, a million `1 M`. */
export function number(value: number): string {
  if (value >= 1e6) return `${short(value / 1e6)} M`
  if (value >= 1e3) return `${short(value / 1e3)} k`
  return short(value)
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)))
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
}
