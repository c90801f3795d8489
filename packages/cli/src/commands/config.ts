import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { examineSettings, findMisspelt, settingsSchema, type SettingSeen } from '@castellan/server'
import type { Handler } from '../command.ts'
import { EXIT, usageError } from '../exit.ts'
import { findFolder, settingsPath } from '../folder.ts'
import { renderTable } from '../render/table.ts'
import { clean } from '../render/words.ts'
import type { Session } from '../session.ts'
import { overridesOf } from './platform.ts'

export const configCheck: Handler = async (session, input) => {
  const { screen, io } = session
  const file = findFile(session)
  const { settings, problems } = examineSettings({
    file,
    env: io.env,
    overrides: overridesOf(session, input),
  })
  const misspelt = findMisspelt(io.env)
  const ok = problems.length === 0
  if (screen.json) {
    await screen.printJson({
      ok,
      file,
      settings: settings.map((setting) => ({ ...setting, value: shown(setting) })),
      problems: problems.map(({ message, hint, path = null }) => ({ path, detail: message, hint })),
      misspelt,
    })
    return ok ? EXIT.done : EXIT.denied
  }
  const rows = settings.map((setting) => [setting.name, say(setting), setting.from ?? 'default'])
  await renderTable(['setting', 'value', 'from'], rows, screen)
  for (const { name, nearest } of misspelt)
    screen.note(`\`${clean(name)}\` sets nothing: did you mean \`${nearest}\`?`)
  for (const { message, hint } of problems) {
    screen.note(screen.paint('red', clean(message)))
    screen.note(`  ${clean(hint)}`)
  }
  return ok ? EXIT.done : EXIT.denied
}

export const configSchema: Handler = async ({ screen }) => {
  await screen.write(`${JSON.stringify(settingsSchema(), null, 2)}\n`)
  return undefined
}

function findFile({ io, flags }: Session): string {
  const dir = flags.dir === undefined ? findFolder(io.cwd) : resolve(io.cwd, flags.dir)
  if (dir === undefined || !existsSync(settingsPath(dir)))
    throw usageError(
      dir === undefined ? 'there is no platform folder here' : `\`${dir}\` is no platform folder`,
      'make one with `castellan init`, or give it with `--dir`',
    )
  return settingsPath(dir)
}

/** The address of a database on a network may hold a password. */
function shown({ name, value }: SettingSeen): SettingSeen['value'] {
  const isFile = name !== 'store' || String(value).startsWith('sqlite:')
  return isFile ? value : `${String(value).split(':', 1)[0]}:…`
}

function say(setting: SettingSeen): string {
  return JSON.stringify(shown(setting))
}
