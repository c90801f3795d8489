import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findNearest } from './nearest.ts'

const KNOWN = ['port', 'host', 'store', 'logLevel', 'connectionsMax']

const cases = [
  { name: 'prot', nearest: 'port' },
  { name: 'por', nearest: 'port' },
  { name: 'ports', nearest: 'port' },
  { name: 'hsot', nearest: 'host' },
  { name: 'lgolevel', nearest: 'logLevel' },
  { name: 'conectionMax', nearest: 'connectionsMax' },
  { name: 'trop', nearest: undefined },
  { name: 'a', nearest: undefined },
  { name: '', nearest: undefined },
  { name: 'x'.repeat(10_000), nearest: undefined },
]
for (const { name, nearest } of cases) {
  test(`\`${name.slice(0, 20)}\` was probably meant to be ${nearest ?? 'nothing known'}`, () => {
    assert.equal(findNearest(name, KNOWN), nearest)
  })
}
