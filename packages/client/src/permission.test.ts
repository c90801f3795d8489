import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printPermission as printByEngine } from '@castellan/engine'
import fc from 'fast-check'
import { printPermission } from './permission.ts'

test('a permission is printed as the engine prints it', () => {
  const component = fc.stringMatching(/^[a-z:\\C/]{1,8}$/)
  fc.assert(
    fc.property(fc.array(component, { minLength: 1, maxLength: 5 }), (components) => {
      assert.equal(printPermission(components), printByEngine(components))
    }),
  )
})

for (const components of [[], [''], ['doc', ''], ['doc', undefined], ['doc', ['7']]]) {
  test(`of ${JSON.stringify(components)} there is no permission`, () => {
    assert.throws(() => printPermission(components as string[]), TypeError)
  })
}
