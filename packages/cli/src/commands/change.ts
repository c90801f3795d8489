import type { Change, ChangeResult } from '@castellan/engine'
import type { Handler, Input } from '../command.ts'
import { usageError } from '../exit.ts'
import type { Plan, Planner } from '../plan.ts'
import { clean, count, sayChange } from '../render/words.ts'
import type { Session } from '../session.ts'
import type { Changed, Target } from '../target/target.ts'
import { confirm } from '../terminal.ts'

/** Makes a plan real: one commit, all of it or nothing. */
export function changeHandler(plan: Planner): Handler {
  return async (session, input) => {
    const target = await session.target('change')
    const planned = await plan(session, target, input)
    if (planned.confirm !== undefined && !(await confirm(session, planned.confirm, input.flag('yes'))))
      return 1
    const done = await commit(target, planned, input)
    if (session.screen.json) await session.screen.printJson(done)
    else await report(session, target, planned, done)
    return undefined
  }
}

interface Done extends Changed {
  /** How many grants ended. */
  readonly revoked: number
}

async function commit(target: Target, plan: Plan, input: Input): Promise<Done> {
  if (plan.changes.length === 0) return { revision: await target.revision(), results: [], revoked: 0 }
  const onDependants = input.text('onDependants')
  if (onDependants !== undefined && onDependants !== 'allow' && onDependants !== 'refuse')
    throw usageError('`--on-dependants` is `allow` or `refuse`', 'correct it')
  const { revision, results } = await target.change(plan.changes, {
    ...(plan.reason === undefined ? {} : { reason: plan.reason }),
    ...(plan.preconditions === undefined ? {} : { preconditions: plan.preconditions }),
    ...(onDependants === undefined ? {} : { onDependants }),
  })
  return { revision, results, revoked: results.reduce((sum, result) => sum + (result.revoked ?? 0), 0) }
}

async function report(session: Session, target: Target, plan: Plan, done: Done): Promise<void> {
  const { screen } = session
  if (plan.changes.length === 0)
    await screen.print(`nothing changed: ${clean(plan.nothing ?? 'there was nothing to do')}`)
  for (const [index, change] of plan.changes.entries()) {
    const result = done.results[index]
    if (result === undefined) continue
    await screen.print(sayResult(change, result))
    for (const remark of await remarksOn(target, change, result)) screen.note(screen.paint('yellow', remark))
  }
  screen.note(screen.paint('dim', `revision ${done.revision}, ${target.place}`))
}

function sayResult(change: Change, result: ChangeResult): string {
  const sentence = clean(sayChange(change))
  switch (result.outcome) {
    case 'added':
      return sentence
    case 'updated':
      return `${sentence} (it stood already, and was changed)`
    case 'removed':
      return (result.revoked ?? 0) > 0 && 'remove' in change && change.remove.kind !== 'grant'
        ? `${sentence}, and ${count(result.revoked ?? 0, 'grant')} ended with it`
        : sentence
    case 'unchanged':
      return `nothing changed: ${sentence} already`
    case 'absent':
      return `nothing changed: it was so already that ${sentence}`
  }
}

/** What the person who typed this would want to know, and might not expect. */
async function remarksOn(target: Target, change: Change, result: ChangeResult): Promise<string[]> {
  if ('add' in change && change.add.kind === 'grant' && result.effective === false) {
    const { issuer, permission } = change.add
    return [
      `it has no effect yet: ${issuer} does not hold ${permission} (castellan explain ${issuer} ${permission})`,
    ]
  }
  if ('remove' in change && change.remove.kind === 'grant' && !change.remove.holder.startsWith('group:')) {
    const { holder, permission } = change.remove
    if (await stillHolds(target, holder, permission))
      return [
        `${holder} still holds ${permission} by another pathway (castellan explain ${holder} ${permission})`,
      ]
  }
  return []
}

/** Whoever may revoke may not always ask; then there is nothing to remark. */
async function stillHolds(target: Target, holder: string, permission: string): Promise<boolean> {
  try {
    return (await target.check(holder, [permission])).allowed
  } catch {
    return false
  }
}
