import assert from 'node:assert/strict'
import { test } from 'node:test'
import { platformModule } from '../../cell/modules/platform.ts'
import { callerOf, hasCode, makeApp, moduleOf } from '../testing/kit.ts'
import { platformOperations, type Platform } from './operations.ts'

type Facade = Record<string, (...args: unknown[]) => Promise<unknown>>

test('what an app asks for arrives as a command, with what it was validated as', async () => {
  const acts: unknown[] = []
  const platform: Platform = {
    list: () => Promise.resolve(['one']),
    act: (command, packed, by) => {
      acts.push([command, packed?.length, by.app.id])
      return Promise.resolve({ value: true, blobs: [Buffer.from('gin')] })
    },
  }
  const facade = moduleOf<Facade>(platformModule, callerOf(platformOperations(platform), makeApp('manager')))
  await facade['installApp']!('new', Buffer.from('zip'), { granted: ['db'] })
  await facade['upgradeApp']!('new', Buffer.from('zip!'), ['db', 'fs'])
  await facade['rollbackApp']!('new', ['db'])
  assert.equal(String(await facade['packageApp']!('new')), 'gin')
  assert.deepEqual(acts, [
    [{ do: 'install', app: 'new', granted: ['db'] }, 3, 'manager'],
    [{ do: 'upgrade', app: 'new', granted: ['db', 'fs'] }, 4, 'manager'],
    [{ do: 'rollback', app: 'new', granted: ['db'] }, undefined, 'manager'],
    [{ do: 'package', app: 'new' }, undefined, 'manager'],
  ])
  await assert.rejects(facade['setAppPermissions']!('new', ['root']), hasCode('ARGUMENTS'))
})

test('where apps are not managed nothing is done', async () => {
  const facade = moduleOf<Facade>(platformModule, callerOf(platformOperations(undefined), makeApp('manager')))
  await assert.rejects(facade['packageApp']!('new'), hasCode('PLATFORM_UNAVAILABLE'))
})
