import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { restore as restoreDatabase } from '@castellan/store'
import type { Handler } from '../command.ts'
import { EXIT } from '../exit.ts'
import { databasePath } from '../target/open.ts'
import { confirm } from '../terminal.ts'

export const backup: Handler = async (session, input) => {
  const { screen, io } = session
  const name = input.arg(0)
  const file = resolve(io.cwd, name)
  if (existsSync(file) && !(await confirm(session, `overwrite ${name}`, input.flag('yes'))))
    return EXIT.denied
  const target = await session.target('read')
  const { revision, head } = await target.backup(file)
  if (screen.json) await screen.printJson({ file, revision, head })
  else {
    await screen.print(`${name}: revision ${revision}, head ${head}`)
    screen.note(
      screen.paint(
        'dim',
        'keep the head elsewhere: `castellan journal verify --head` finds a rewritten journal with it',
      ),
    )
  }
  return undefined
}

export const restore: Handler = async (session, input) => {
  const { screen, io, flags } = session
  const name = input.arg(0)
  const database = databasePath(io, flags)
  const exists = existsSync(database)
  if (exists && !(await confirm(session, `replace all that is in ${database}`, input.flag('yes'))))
    return EXIT.denied
  const head = input.text('head')
  const { revision, head: restored } = await restoreDatabase(resolve(io.cwd, name), database, {
    overwrite: exists,
    ...(head === undefined ? {} : { head }),
  })
  if (screen.json) await screen.printJson({ file: database, revision, head: restored })
  else await screen.print(`${database}: revision ${revision}, head ${restored}`)
  return undefined
}
