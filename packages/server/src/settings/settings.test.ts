import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import {
  environmentName,
  flagName,
  SETTING_DEFAULTS,
  SETTING_NAMES,
  SETTINGS,
  type Setting,
  type SettingName,
} from './list.ts'
import { examineSettings, findMisspelt, readSettings } from './read.ts'
import { settingsSchema, settingsShape } from './shape.ts'

const SCHEMA = new URL('../../settings.schema.json', import.meta.url)

function fileWith(t: TestContext, text: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'castellan-settings-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const file = join(dir, 'castellan.json')
  writeFileSync(file, text)
  return file
}

const OTHER_TEXTS: Partial<Record<SettingName, string>> = {
  store: 'sqlite:elsewhere.db',
  publicUrl: 'https://a.example',
}

/** A value that a setting takes, beside its default. */
function otherValue(name: SettingName, setting: Setting): unknown {
  switch (setting.kind) {
    case 'text':
      return OTHER_TEXTS[name] ?? '127.0.0.2'
    case 'whole':
      return setting.default + 1
    case 'number':
      return setting.max / 2
    case 'choice':
      return setting.values.find((value) => value !== setting.default)
    case 'switch':
      return !setting.default
  }
}

test('the published schema is the one of the shape', () => {
  const wanted = settingsSchema()
  if ((process.env['UPDATE_DOCS'] ?? '') !== '') writeFileSync(SCHEMA, JSON.stringify(wanted, null, 2))
  // How it is laid out is the formatter's to say.
  assert.deepEqual(JSON.parse(readFileSync(SCHEMA, 'utf8')), wanted, 'UPDATE_DOCS=1 corrects it')
})

describe('every setting', () => {
  for (const name of SETTING_NAMES) {
    const setting: Setting = SETTINGS[name]
    const value = otherValue(name, setting)

    test(`${name} has a default that it takes itself, and a line of documentation`, (t) => {
      assert.equal(settingsShape.parse({})[name], setting.default)
      assert.equal(settingsShape.parse({ [name]: setting.default })[name], setting.default)
      assert.equal(readSettings({ file: fileWith(t, '{}') })[name], setting.default)
      assert.match(setting.doc, /^[a-z].*[^.]$/)
    })

    test(`${name} comes from the file, the environment or a flag, and says from where`, (t) => {
      const file = fileWith(t, JSON.stringify({ [name]: value }))
      const env = { [environmentName(name)]: String(value) }
      const overrides = { [name]: String(value) }
      const seen = (sources: object, text = '{}') => {
        const { settings, problems } = examineSettings({ file: fileWith(t, text), ...sources })
        assert.deepEqual(problems, [])
        return settings.find((one) => one.name === name)
      }
      assert.deepEqual(seen({}), { name, value: setting.default, source: 'default', from: null })
      assert.deepEqual(seen({ file }), { name, value, source: 'file', from: file })
      assert.deepEqual(seen({ env }), { name, value, source: 'environment', from: environmentName(name) })
      assert.deepEqual(seen({ file, env, overrides }), { name, value, source: 'flag', from: flagName(name) })
    })

    if (setting.kind === 'whole' || setting.kind === 'number') {
      test(`${name} takes its bounds and nothing beyond them`, (t) => {
        const { min, max } = setting
        const isTaken = (given: unknown) =>
          examineSettings({ file: fileWith(t, JSON.stringify({ [name]: given })) }).problems.every(
            ({ path, message }) => path !== name || !message.includes('takes'),
          )
        assert.deepEqual([min, max].map(isTaken), [true, true])
        assert.deepEqual([min - 1, max + 1, String(min), null, true].map(isTaken), Array(5).fill(false))
      })
    }
  }

  test('has a name of its own as a variable and as a flag', () => {
    assert.equal(new Set(SETTING_NAMES.map(environmentName)).size, SETTING_NAMES.length)
    assert.equal(environmentName('logLevel'), 'CASTELLAN_LOG_LEVEL')
    assert.equal(flagName('logLevel'), '--log-level')
  })
})

describe('wrong settings', () => {
  const cases: readonly {
    readonly name: string
    readonly text?: string
    readonly env?: Record<string, string>
    readonly overrides?: Partial<Record<SettingName, string>>
    readonly path: string
    readonly message: RegExp
    readonly hint: RegExp
  }[] = [
    {
      name: 'a name that is nearly one',
      text: '{"conectionsMax": 5}',
      path: 'conectionsMax',
      message: /castellan\.json`: `conectionsMax` is no setting/,
      hint: /did you mean `connectionsMax`\?/,
    },
    {
      name: 'a name written as a flag',
      text: '{"body-bytes-max": 5000}',
      path: 'body-bytes-max',
      message: /is no setting/,
      hint: /`bodyBytesMax`/,
    },
    {
      name: 'a name like no other',
      text: '{"zzzzzzzzzz": 5000}',
      path: 'zzzzzzzzzz',
      message: /is no setting/,
      hint: /the settings are host, port/,
    },
    {
      name: 'a number that is a text',
      text: '{"port": "80"}',
      path: 'port',
      message: /`port` takes a whole number from 0 to 65535, not `"80"`/,
      hint: /it is the port to listen on/,
    },
    {
      name: 'a variable that is no number',
      env: { CASTELLAN_PORT: 'tcp://10.0.0.1:7070' },
      path: 'port',
      message: /^`CASTELLAN_PORT` takes a whole number/,
      hint: /the port/,
    },
    {
      name: 'a flag that is no choice',
      overrides: { logLevel: 'loud' },
      path: 'logLevel',
      message: /^`--log-level` takes one of trace, debug/,
      hint: /least that is logged/,
    },
    {
      name: 'times that do not fit each other',
      env: { CASTELLAN_HEADERS_MS: '40000' },
      path: 'headersMs',
      message: /`CASTELLAN_HEADERS_MS`: `headersMs`: .* \(40000\) than .* \(30000\)/,
      hint: /`requestMs` more/,
    },
    {
      name: 'a store that is none',
      text: '{"store": "mysql://u:secret@h/d"}',
      path: 'store',
      message: /no such store/,
      hint: /sqlite/,
    },
  ]
  for (const { name, text = '{}', env = {}, overrides = {}, path, message, hint } of cases) {
    test(`are refused with their place and a hint: ${name}`, (t) => {
      const file = fileWith(t, text)
      assert.throws(() => readSettings({ file, env, overrides }), {
        code: 'SETTINGS_INVALID',
        path,
        message,
        hint,
      })
      const [problem] = examineSettings({ file, env, overrides }).problems
      assert.equal(problem?.path, path)
      assert.doesNotMatch(problem.message, /secret/)
    })
  }

  test('are all told at once to whoever examines them', (t) => {
    const file = fileWith(t, '{"prot": 1, "hots": "x", "port": -1, "logLevel": 5}')
    const { problems } = examineSettings({ file, env: { CASTELLAN_IDLE_MS: 'x' } })
    assert.deepEqual(problems.map(({ path }) => String(path)).sort(), [
      'hots',
      'idleMs',
      'logLevel',
      'port',
      'prot',
    ])
  })

  test('are wrong even where a flag takes their place', (t) => {
    const file = fileWith(t, '{"port": "x"}')
    assert.throws(() => readSettings({ file, overrides: { port: 1 } }), { path: 'port' })
  })
})

test('a variable that is nearly a setting is named, with the one that was meant', () => {
  assert.deepEqual(
    findMisspelt({
      CASTELLAN_LOGLEVEL: 'debug',
      CASTELLAN_PORT: '1',
      CASTELLAN_TOKEN: 'cst_x',
      CASTELLAN_SERVER: 'http://x',
      CASTELLAN_SOMETHING_ELSE_ENTIRELY: '1',
      PATH: '/bin',
    }),
    [{ name: 'CASTELLAN_LOGLEVEL', nearest: 'CASTELLAN_LOG_LEVEL' }],
  )
})

test('a file may say where its schema lies', (t) => {
  const file = fileWith(t, '{"$schema": "./castellan.schema.json", "port": 1}')
  assert.deepEqual(readSettings({ file }), { ...SETTING_DEFAULTS, port: 1 })
})
