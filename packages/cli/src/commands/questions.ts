import type { Handler } from '../command.ts'
import { EXIT, usageError } from '../exit.ts'
import { pagingOf, printPages } from '../paging.ts'
import { renderExplanation } from '../render/explanation.ts'
import { clean } from '../render/words.ts'

export const check: Handler = async (session, input) => {
  const batch = input.text('batch')
  if (batch !== undefined) {
    if (input.args.length > 0)
      throw usageError('`--batch` brings its own questions', 'leave the actor and the permissions out')
    const { checkBatch } = await import('./check-batch.ts')
    return checkBatch(session, batch)
  }
  const [actor, ...permissions] = input.args
  if (actor === undefined || permissions.length === 0)
    throw usageError(
      'check takes an actor and at least one permission',
      'as in `castellan check user:alice a:b`',
    )
  const target = await session.target('read')
  const answer = await target.check(actor, permissions)
  if (session.screen.json) await session.screen.printJson(answer)
  else
    await session.screen.print(
      answer.allowed ? session.screen.paint('green', 'allowed') : session.screen.paint('red', 'denied'),
    )
  return answer.allowed ? EXIT.done : EXIT.denied
}

export const explain: Handler = async (session, input) => {
  const [actor = '', ...permissions] = input.args
  const target = await session.target('read')
  const answers = []
  for (const permission of permissions)
    answers.push({ permission, ...(await target.explain(actor, permission)) })
  const [first, ...others] = answers
  if (session.screen.json) {
    if (first !== undefined && others.length === 0) {
      const { permission: _, ...answer } = first
      await session.screen.printJson(answer)
    } else await session.screen.printJson({ explanations: answers })
  } else {
    for (const [index, answer] of answers.entries()) {
      if (index > 0) await session.screen.print('')
      for (const line of renderExplanation(actor, answer.permission, answer, session.screen))
        await session.screen.print(line)
    }
  }
  return answers.some((answer) => answer.allowed) ? EXIT.done : EXIT.denied
}

export const claims: Handler = async (session, input) => {
  const { screen } = session
  const target = await session.target('read')
  const answer = await target.claims(input.arg(0), input.arg(1))
  if (screen.json) await screen.printJson(answer)
  else {
    for (const pathway of answer.pathways)
      await screen.print(
        pathway.length === 0
          ? 'by right, without claims'
          : pathway.map((extra) => clean(JSON.stringify(extra))).join(' '),
      )
    if (answer.pathways.length === 0) await screen.print('no pathway')
    if (answer.truncated) screen.note('there are more pathways than fit in a reading: this list is cut')
  }
  return answer.pathways.length > 0 ? EXIT.done : EXIT.denied
}

export const holders: Handler = async (session, input) => {
  const permission = input.arg(0)
  const wanted = pagingOf(input)
  const target = await session.target('read')
  await printPages(session, wanted, (paging) => target.holders(permission, paging), {
    headings: ['actor', 'by'],
    row: (holder) => [
      holder.actor,
      holder.pathway
        .slice(1)
        .map((step) => step.actor)
        .join(' ← ') || 'right',
    ],
    none: `nobody holds ${permission}`,
  })
  return undefined
}

export const permissions: Handler = async (session, input) => {
  const [actor = '', prefix] = input.args
  const wanted = pagingOf(input)
  const target = await session.target('read')
  await printPages(session, wanted, (paging) => target.permissionsOf(actor, prefix, paging), {
    headings: ['permission', 'source'],
    row: (held) => [held.permission, held.source],
    none: `${actor} holds nothing${prefix === undefined ? '' : ` beneath or covering ${prefix}`}`,
  })
  return undefined
}
