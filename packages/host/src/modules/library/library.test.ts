import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { callerOf, hasCode, makeApp } from '../testing/kit.ts'
import { LIBRARIES, libraryOperations } from './operations.ts'

/** What each is good for, tried inside its compartment's realm: a process that is locked down as a cell is. */
const TRIED: Readonly<Record<(typeof LIBRARIES)[number], string>> = {
  barcode: `library.toSVG({ bcid: 'ean13', text: '123456789012' }).startsWith('<svg')`,
  buffer: `library.Buffer.from('6869', 'hex').toString() === 'hi'`,
  cheerio: `library.load('<p class="x">hi</p>')('.x').text() === 'hi'`,
  'mime-types': `library.lookup('./images/a.png') === 'image/png'`,
  pdfmake: `(await library.createPdf({
    content: ['one', { table: { body: [['a', 'b']] }, layout: 'lightHorizontalLines' }],
    footer: (page, pages) => page + ' of ' + pages,
  }).getBuffer()).subarray(0, 5).toString() === '%PDF-'`,
  qrcode: `library.create('hello', {}).modules.size === 21`,
  url: `library.URL === undefined`,
}

const program = (tried: string): string => `
import { readFileSync } from 'node:fs'
import 'ses'
const text = readFileSync(0, 'utf8')
lockdown({ overrideTaming: 'severe', errorTaming: 'unsafe' })
const globals = { Math, Date, Buffer, TextEncoder, TextDecoder, console, setTimeout, clearTimeout }
const compartment = new Compartment({ __options__: true, globals })
for (const alias of ['global', 'self']) compartment.globalThis[alias] = compartment.globalThis
const module = { exports: {} }
compartment.evaluate('(function (module, exports) {' + text + '\\n})', { sloppyGlobalsMode: true })
  .call(compartment.globalThis, module, module.exports)
const library = module.exports
console.log(${tried})
`

for (const name of LIBRARIES) {
  test(`the library ${name} runs where everything is frozen and nothing is given`, async () => {
    const call = callerOf(libraryOperations(), makeApp('a'))
    const { blobs } = await call('library', { name })
    const text = Buffer.from(blobs?.[0] ?? []).toString()
    const ran = spawnSync(process.execPath, ['--input-type=module', '-e', program(TRIED[name])], {
      input: text,
      cwd: import.meta.dirname,
      encoding: 'utf8',
    })
    assert.equal(ran.stdout.trim(), 'true', ran.stderr)
  })
}

test('nothing but the libraries is handed out', async () => {
  const call = callerOf(libraryOperations(), makeApp('a'))
  for (const name of ['../package', 'stamp', '__proto__', '', 'pdfmake.js'])
    await assert.rejects(call('library', { name }), hasCode('ARGUMENTS'))
})
