// Makes each pure JavaScript library that a cell runs into one text, `packages/host/libraries/<name>.js`: a cell has no
// files to import from. The set-up runs this when the dependencies or this script are newer than the texts.
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { evadeCensorSync } from '@endo/evasive-transform'
import { rolldown } from 'rolldown'
import { librariesFingerprint, librariesFolder, root } from './setup.mjs'

/** A cell has no arrays of floats: they tell apart what the language does not, and SES leaves them out. */
const FLOATS = `
var Float32Array = class extends Array {
  constructor(source) {
    if (source === 1) return { held: 0, get 0() { return this.held }, set 0(value) { this.held = Math.fround(value) } }
    super()
    if (typeof source === 'number') for (let at = 0; at < source; at += 1) this.push(0)
    else if (source) for (const value of source) this.push(value)
  }
  static get [Symbol.species]() { return Array }
  // Written through, as the library counts on.
  subarray(from = 0, to = this.length) {
    const at = (key) => (typeof key === 'string' && /^[0-9]+$/.test(key) ? from + Number(key) : -1)
    return new Proxy([], {
      get: (_, key) => (at(key) === -1 ? (key === 'length' ? to - from : undefined) : this[at(key)]),
      set: (_, key, value) => at(key) !== -1 && ((this[at(key)] = value), true),
    })
  }
  set(list, at = 0) { for (let index = 0; index < list.length; index += 1) this[at + index] = list[index] }
}
var Float64Array = Float32Array
`

/** What pdfmake brings along to mend old browsers would mend what a cell has frozen, and needs no mending. */
const PDFMAKE_PATCHES = [
  [/store\.(get|has|set) = store\.\1;/g, ''],
  [/Function\.prototype\.toString = makeBuiltIn/g, 'makeBuiltIn'],
  [/ArrayPrototype\[UNSCOPABLES\]\[key\] = true/g, ''],
  [/(function\(O, key, value, options\) \{)/g, '$1 if (!Object.isExtensible(O)) return O;'],
  [/(function\(object, key, value\) \{)/g, '$1 if (!Object.isExtensible(object)) return object;'],
]

const LIBRARIES = {
  barcode: { entry: `import bwip from 'bwip-js/generic'; export default bwip`, before: FLOATS },
  buffer: { entry: `module.exports = require('buffer/')` },
  cheerio: { entry: `module.exports = { load: require('cheerio/slim').load }` },
  'mime-types': { entry: `module.exports = require('mime-types')` },
  pdfmake: {
    entry: `
      const pdfmake = require('pdfmake/build/pdfmake.js')
      pdfmake.addVirtualFileSystem(require('pdfmake/build/vfs_fonts.js'))
      module.exports = pdfmake`,
    before: FLOATS,
    patches: PDFMAKE_PATCHES,
  },
  qrcode: { entry: `module.exports = { create: require('qrcode/lib/core/qrcode').create }` },
  url: {
    entry: `module.exports = { URL: globalThis.URL, URLSearchParams: globalThis.URLSearchParams }`,
  },
}

const ENTRY = '\0entry.js'
const PATH = '\0path.cjs'
const EXTNAME = `exports.extname = (path) => (/[^/](\\.[^./]*)$/.exec(path) || ['', ''])[1]`

for (const [name, library] of Object.entries(LIBRARIES)) {
  mkdirSync(librariesFolder, { recursive: true })
  const file = join(librariesFolder, `${name}.js`)
  writeFileSync(`${file}.part`, await bundle(library))
  renameSync(`${file}.part`, file)
}
rmSync(join(librariesFolder, 'stamp'), { force: true })
writeFileSync(join(librariesFolder, 'stamp'), librariesFingerprint())

async function bundle({ entry, before = '', patches = [] }) {
  const made = await rolldown({
    input: 'entry',
    cwd: join(root, 'packages', 'host'),
    platform: 'browser',
    logLevel: 'silent',
    resolve: { mainFields: ['browser', 'module', 'main'], conditionNames: ['browser', 'require', 'default'] },
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => ({ entry: ENTRY, path: PATH })[id],
        load: (id) => ({ [ENTRY]: entry, [PATH]: EXTNAME })[id],
      },
    ],
  })
  const { output } = await made.generate({
    format: 'cjs',
    exports: 'auto',
    codeSplitting: false,
    comments: false,
  })
  await made.close()
  // What SES refuses even in strings and comments, as `import(`, is written another way.
  const code = patches.reduce((text, [found, put]) => {
    if (text.search(found) === -1) throw new Error(`nothing to mend by ${found}`)
    return text.replace(found, put)
  }, output[0].code)
  return evadeCensorSync(`${before}${code}`, { sourceType: 'script' }).code
}
