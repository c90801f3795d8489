import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { openEngine, parseFact, type Engine } from '@castellan/engine'
import { readFactsFile, type Expectation } from '@castellan/protocol'
import { unreadable } from '../change-file.ts'
import type { Handler } from '../command.ts'
import { EXIT } from '../exit.ts'
import { renderExplanation } from '../render/explanation.ts'
import { clean, count } from '../render/words.ts'
import type { Session } from '../session.ts'

/** What came of one expectation. */
interface Outcome {
  readonly file: string
  readonly line: number
  readonly ok: boolean
  /** What was expected and, where it failed, what was found. */
  readonly text: string
  /** Lines that say why, where it failed. */
  readonly why: readonly string[]
}

export const test: Handler = async (session, input) => {
  const { screen } = session
  const outcomes: Outcome[] = []
  for (const name of input.args) outcomes.push(...(await testFile(session, name)))
  const failed = outcomes.filter((outcome) => !outcome.ok)
  if (screen.json) {
    const failures = failed.map(({ file, line, text, why }) => ({ file, line, expectation: text, why }))
    await screen.printJson({
      ok: failed.length === 0,
      passed: outcomes.length - failed.length,
      failed: failed.length,
      failures,
    })
  } else {
    for (const { file, line, text, why } of failed) {
      await screen.print(`${screen.paint('red', 'failed')} ${file}:${line}: ${text}`)
      for (const reason of why) await screen.print(reason === '' ? '' : `  ${reason}`)
    }
    const sum = `${count(outcomes.length - failed.length, 'expectation')} passed, ${failed.length} failed`
    await screen.print(screen.paint(failed.length === 0 ? 'green' : 'red', sum))
  }
  return failed.length === 0 ? EXIT.done : EXIT.denied
}

async function testFile(session: Session, name: string): Promise<Outcome[]> {
  let content: Uint8Array
  try {
    content = await readFile(resolve(session.io.cwd, name))
  } catch (error) {
    throw unreadable(name, error)
  }
  const { facts, expectations } = named(name, () => readFactsFile({ name, content }, parseFact))
  const engine = named(name, () => openEngine({ facts, now: session.io.now }))
  return expectations.map((expectation) => ({
    file: name,
    line: expectation.place.line,
    ...named(`${name}:${expectation.place.line}`, () => judge(engine, expectation, session)),
  }))
}

/** Adds the file to what goes wrong in it: several may be tested at once. */
function named<Result>(name: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (error instanceof Error) error.message = `${name}: ${error.message}`
    throw error
  }
}

function judge(engine: Engine, expectation: Expectation, session: Session): Omit<Outcome, 'file' | 'line'> {
  const asking = expectation.now === undefined ? {} : { now: expectation.now }
  if (expectation.kind === 'holders') {
    const held = allHolders(engine, expectation.permission, asking)
    const wanted = new Set(expectation.actors)
    const missing = [...wanted].filter((actor) => !held.has(actor))
    const surplus = [...held].filter((actor) => !wanted.has(actor))
    return {
      ok: missing.length === 0 && surplus.length === 0,
      text: `${clean(expectation.permission)} is held by exactly ${[...wanted].join(', ') || 'nobody'}`,
      why: [...missing, ...surplus].flatMap((actor) =>
        explained(engine, actor, expectation.permission, asking, session),
      ),
    }
  }
  const { actor, permissions, allowed } = expectation
  const found = engine.check(actor, permissions, asking)
  return {
    ok: found === allowed,
    text: `${clean(actor)} ${allowed ? 'holds' : 'does not hold'} ${permissions.map(clean).join(' or ')}`,
    why:
      found === allowed
        ? []
        : permissions.flatMap((permission) => explained(engine, actor, permission, asking, session)),
  }
}

function allHolders(engine: Engine, permission: string, asking: { readonly now?: number }): Set<string> {
  const held = new Set<string>()
  let cursor: string | undefined
  do {
    const page = engine.holders(permission, {
      ...asking,
      limit: 1_000,
      ...(cursor === undefined ? {} : { cursor }),
    })
    for (const { actor } of page.items) held.add(actor)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return held
}

function explained(
  engine: Engine,
  actor: string,
  permission: string,
  asking: { readonly now?: number },
  session: Session,
): string[] {
  return renderExplanation(actor, permission, engine.explain(actor, permission, asking), session.screen)
}
