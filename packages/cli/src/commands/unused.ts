import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { compareText, namespaceOf, type GrantFact } from '@castellan/engine'
import type { Handler, Input } from '../command.ts'
import { DecisionLogs } from '../decision-logs.ts'
import { CommandError, usageError } from '../exit.ts'
import { findFolder, isFolder, settingsPath } from '../folder.ts'
import { parseSince } from '../plan.ts'
import { renderTable } from '../render/table.ts'
import { count } from '../render/words.ts'
import type { Session } from '../session.ts'
import type { Target } from '../target/target.ts'

interface Unused {
  readonly permission: string
  readonly holder: string
  readonly issuer: string
  /** When it was made or last changed, RFC 3339; null where no journal says so. */
  readonly since: string | null
  readonly ageDays: number | null
  readonly expiresAt?: string
}

/** What the service itself asks about, of which there is nothing in the log. */
const OWN_NAMESPACES = new Set(['castellan', 'manage'])

export const journalUnused: Handler = async (session, input) => {
  const { screen, io } = session
  const since = input.text('since')
  const logs = new DecisionLogs(since === undefined ? undefined : parseSince(since, io.now()))
  for (const name of await findLogs(session, input)) await logs.read(io, name)
  if (logs.decisions === 0)
    throw new CommandError(
      'USAGE',
      'no decision is logged there, so nothing can be said of any grant',
      'set `decisionLogFile`, serve for some time, and ask again; or look further back with `--since`',
    )
  const target = await session.target('read')
  const { unused, total, leftOut } = await findUnused(target, logs)
  const items = await withAges(target, unused, io.now())
  if (screen.json) {
    const { decisions, allowed, dropped, unreadable, cut, from, to, timesToBeSeen } = logs
    await screen.printJson({
      items,
      grants: total,
      leftOut,
      log: {
        from,
        to,
        decisions,
        allowed,
        samples: [...logs.samples].sort((a, b) => a - b),
        timesToBeSeen,
        dropped,
        cut,
        unreadable,
      },
    })
    return undefined
  }
  if (items.length > 0)
    await renderTable(
      ['permission', 'holder', 'issuer', 'days old'],
      items.map(({ permission, holder, issuer, ageDays }) => [
        permission,
        holder,
        issuer,
        ageDays === null ? '' : String(ageDays),
      ]),
      screen,
    )
  for (const line of sayHowFar(logs, items, { total, leftOut })) screen.note(line)
  return undefined
}

/** Those named, or those of the platform folder, with what was put aside. */
async function findLogs({ io, flags }: Session, input: Input): Promise<readonly string[]> {
  const named = input.texts('decisions')
  if (named.length > 0) return named
  const dir = flags.dir === undefined ? findFolder(io.cwd) : resolve(io.cwd, flags.dir)
  if (dir === undefined || !isFolder(dir))
    throw usageError('there is no platform folder here', 'name the files with `--decisions`')
  const { decisionLogPath, readSettings } = await import('@castellan/server')
  const settings = readSettings({ file: settingsPath(dir), env: io.env })
  const path = decisionLogPath(settings, dir)
  if (path === undefined)
    throw usageError(
      'the settings have no decision log',
      'set `decisionLogFile`, serve for some time, and ask again; or name files with `--decisions`',
    )
  const aged = Array.from({ length: settings.decisionLogFilesMax }, (_, age) =>
    age === 0 ? path : `${path}.${age}`,
  )
  return aged.filter((file) => existsSync(file))
}

interface Found {
  readonly unused: readonly GrantFact[]
  readonly total: number
  readonly leftOut: number
}

async function findUnused(target: Target, logs: DecisionLogs): Promise<Found> {
  const unused: GrantFact[] = []
  let total = 0
  let leftOut = 0
  for await (const grant of target.grants({})) {
    total++
    if (OWN_NAMESPACES.has(namespaceOf(grant.permission))) leftOut++
    else if (!logs.isUsed(grant)) unused.push(grant)
  }
  return { unused, total, leftOut }
}

const DAY_MS = 86_400_000

/** The oldest first: one pass over the journal finds when each was made or changed. */
async function withAges(target: Target, grants: readonly GrantFact[], now: number): Promise<Unused[]> {
  const times = new Map<string, number>()
  const wanted = new Set(grants.map(keyOf))
  if (wanted.size > 0)
    for await (const { time, effects } of target.journal(0))
      for (const { after } of effects)
        if (after?.kind === 'grant' && wanted.has(keyOf(after))) times.set(keyOf(after), time)
  return grants
    .map((grant) => ({ grant, time: times.get(keyOf(grant)) }))
    .sort((a, b) => (a.time ?? 0) - (b.time ?? 0) || compareText(orderOf(a.grant), orderOf(b.grant)))
    .map(({ grant: { permission, holder, issuer, expiresAt }, time }) => ({
      permission,
      holder,
      issuer,
      since: time === undefined ? null : new Date(time).toISOString(),
      ageDays: time === undefined ? null : Math.floor((now - time) / DAY_MS),
      ...(expiresAt !== undefined && { expiresAt }),
    }))
}

/** Of one commit, those of one permission together. */
function orderOf({ permission, holder, issuer }: GrantFact): string {
  return JSON.stringify([permission, holder, issuer])
}

function keyOf({ issuer, holder, permission }: GrantFact): string {
  return JSON.stringify([issuer, holder, permission])
}

/** What the list is worth: a log of a sample proves no absence. */
function sayHowFar(
  logs: DecisionLogs,
  items: readonly Unused[],
  { total, leftOut }: Pick<Found, 'total' | 'leftOut'>,
): string[] {
  const shares = [...logs.samples]
    .sort((a, b) => a - b)
    .map((share) => `${Number((share * 100).toPrecision(3))} %`)
  const { from = '', to = '' } = logs
  const younger = items.filter(({ since }) => since !== null && since > from).length
  return [
    `${count(items.length, 'grant')} of ${total.toLocaleString('en')} ${items.length === 1 ? 'is' : 'are'} on no pathway of ${count(logs.decisions, 'logged decision')}, from ${from} to ${to}`,
    `of all decisions ${shares.join(' or ')} were picked for the log${logs.timesToBeSeen === 1 ? '' : `: a grant used less than ${count(logs.timesToBeSeen, 'time')} in that time may be missing from it`}`,
    ...(younger === 0 ? [] : [`${count(younger, 'of them is', 'of them are')} younger than the log`]),
    ...(logs.dropped === 0
      ? []
      : [
          `${count(logs.dropped, 'decision')} picked for the log ${logs.dropped === 1 ? 'is' : 'are'} not in it`,
        ]),
    ...(logs.cut === 0
      ? []
      : [`${count(logs.cut, 'decision')} rested on more grants than the log keeps of one`]),
    ...(logs.unreadable === 0 ? [] : [`${count(logs.unreadable, 'line')} could not be read`]),
    ...(leftOut === 0
      ? []
      : [`${count(leftOut, 'grant')} of castellan: and manage: left out: what uses them is not in the log`]),
  ]
}
