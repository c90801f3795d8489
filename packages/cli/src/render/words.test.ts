import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, test } from 'node:test'
import type { Change } from '@castellan/engine'
import { clean, commandFor, shellWord } from './words.ts'

describe('shellWord', () => {
  for (const word of [
    'a:b',
    'user:alice/app:x',
    "it's",
    'a b',
    '$HOME',
    '~',
    '',
    '`id`',
    'a\\Cb',
    '*',
    'é',
  ]) {
    test(`is read back by a shell as ${JSON.stringify(word)}`, { skip: process.platform === 'win32' }, () => {
      assert.equal(
        execFileSync('/bin/sh', ['-c', `printf %s ${shellWord(word)}`], { encoding: 'utf8' }),
        word,
      )
    })
  }
})

describe('clean', () => {
  test('leaves ordinary text as it is', () => {
    assert.equal(clean('fs:/ärger/文.txt'), 'fs:/ärger/文.txt')
  })

  test('spells out what would steer a terminal or turn text around', () => {
    assert.equal(clean('a\u001b[31mb\u202ec\u0007'), 'a\\u{1b}[31mb\\u{202e}c\\u{7}')
  })
})

describe('commandFor', () => {
  const cases: readonly {
    readonly change: Change
    readonly as?: string
    readonly command: string | undefined
  }[] = [
    {
      change: { add: { kind: 'grant', issuer: 'user:ed', holder: 'user:bob', permission: 'a:b', extra: {} } },
      as: 'user:ed',
      command: 'castellan grant a:b --to user:bob --as user:ed',
    },
    {
      change: { remove: { kind: 'suspension', of: 'user:fred' } },
      as: 'system',
      command: 'castellan resume user:fred',
    },
    {
      change: { remove: { kind: 'member', group: 'g', member: 'user:a' } },
      command: 'castellan group remove g user:a',
    },
    { change: { add: { kind: 'namespace', name: 'a', description: '' } }, command: undefined },
  ]
  for (const { change, as, command } of cases) {
    test(`says ${command ?? 'nothing where no command makes the change'}`, () => {
      assert.equal(commandFor(change, as), command)
    })
  }
})
