import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { chartModule } from '../../cell/modules/chart.ts'
import { dashboardModule } from '../../cell/modules/dashboard.ts'
import { imageModule } from '../../cell/modules/image.ts'
import { encodePng } from '../../cell/modules/png.ts'
import { encodeZip, listZip, zipModule } from '../../cell/modules/zip.ts'
import { fsOperations } from '../fs/operations.ts'
import { callerOf, hasCode, makeApp, moduleOf } from '../testing/kit.ts'
import { openRenderers } from './operations.ts'

const PNG = encodePng({ width: 40, height: 20, pixels: new Uint8Array(800).fill(120) })
const renderers = openRenderers()
after(() => renderers.close())

function callerFor(files: Readonly<Record<string, string | Uint8Array>> = {}) {
  return callerOf([...fsOperations(), ...renderers.operations], makeApp('a', files))
}

/** Width and height of a PNG, from its header. */
function sizeOf(png: Uint8Array): [number, number] {
  const view = new DataView(png.buffer, png.byteOffset)
  assert.equal(Buffer.from(png).toString('latin1', 1, 4), 'PNG')
  return [view.getUint32(16), view.getUint32(20)]
}

test('an image is changed step by step, and written', async () => {
  const call = callerFor({ 'box/images/a.png': PNG })
  interface Chain {
    readonly [name: string]: (...args: unknown[]) => Chain & Promise<Uint8Array>
  }
  const image = moduleOf<Record<string, (...args: unknown[]) => Chain>>(imageModule, call)
  const bytes = await image['loadFromFile']!('BOX', './images/a.png')['resize']!({
    width: 10,
    height: 10,
    fit: 'contain',
    background: '#FFFFFF',
  })['rotate']!(90)['flip']!()['flop']!()['greyscale']!()['blur']!(1)['sharpen']!()['composite']!(
    encodePng({ width: 2, height: 2, pixels: new Uint8Array(4) }),
    { left: 1, top: 1, opacity: 0.5 },
  )['format']!('png')['toBuffer']!()
  assert.deepEqual(sizeOf(bytes), [10, 10])
  await (image['loadFromBuffer']!(PNG)['resize']!({ width: 1200, withoutEnlargement: true })['format']!(
    'webp',
    { quality: 80 },
  )['toFile']!('WEB', 'out/a.webp') as unknown as Promise<void>)
  const { blobs } = await call('fs.read', { scope: 'WEB', folder: '', path: 'out/a.webp' })
  assert.equal(Buffer.from(blobs![0]!).toString('latin1', 8, 12), 'WEBP')
})

test('formats that lead to other files are not read, nor what is no image', async () => {
  const call = callerFor()
  for (const text of ['<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', '%PDF-1.7', ''])
    await assert.rejects(call('image.process', { steps: [] }, [Buffer.from(text)]), hasCode('IMAGE_FAILED'))
  await assert.rejects(
    call('image.process', { steps: [{ do: 'toFile', path: '/tmp/x' }] }, [PNG]),
    hasCode('ARGUMENTS'),
  )
})

test('charts and dashboards become images of the size that was asked for', async () => {
  const call = callerFor()
  const config = {
    type: 'bar',
    data: { labels: ['a', 'b'], datasets: [{ label: 'n', data: [1, 2], backgroundColor: '#f00' }] },
  }
  const chart = moduleOf<{ render(config: object, options?: object): Promise<Uint8Array> }>(chartModule, call)
  assert.deepEqual(sizeOf(await chart.render(config, { width: 300, height: 200 })), [300, 200])
  assert.match(String(await chart.render(config, { output: 'dataurl' })), /^data:image\/png;base64,/)
  const { init } = moduleOf<{
    readonly init: (layout: object) => {
      renderChart(name: string, config: object): Promise<void>
      toBuffer(): Uint8Array
    }
  }>(dashboardModule, call)
  const dashboard = init({
    width: 400,
    height: 300,
    backgroundColor: '#F5F5F5',
    grid: { rows: 2, cols: 2, padding: 20 },
    cells: { top: { row: 0, col: 0, colspan: 2 } },
  })
  assert.throws(() => dashboard.toBuffer(), /no chart/)
  await dashboard.renderChart('top', { ...config, type: 'pie' })
  assert.deepEqual(sizeOf(dashboard.toBuffer()), [400, 300])
  await assert.rejects(dashboard.renderChart('constructor', config), /no cell/)
})

describe('zip', () => {
  interface Zip {
    readonly zip: (scope: string, path: string, options?: object) => Promise<Uint8Array>
    readonly zipToFile: (...args: unknown[]) => Promise<void>
    readonly unzip: (...args: unknown[]) => Promise<void>
  }

  test('what was packed is unpacked, with its own folder or without', async () => {
    const call = callerFor({ 'box/src/one.txt': 'one', 'box/src/sub/two.txt': 'two'.repeat(100) })
    const zip = moduleOf<Zip>(zipModule, call)
    await zip.zipToFile('BOX', 'src', 'BOX', 'a.zip', { includeRootFolder: true })
    await zip.unzip('BOX', 'a.zip', 'WEB', 'out')
    const { blobs } = await call('fs.read', { scope: 'WEB', folder: '', path: 'out/src/sub/two.txt' })
    assert.equal(Buffer.from(blobs![0]!).toString(), 'two'.repeat(100))
    assert.deepEqual(
      listZip(await zip.zip('BOX', './src/')).map(({ name }) => name),
      ['one.txt', 'sub/two.txt'],
    )
  })

  test('paths that lead elsewhere, files that lie about themselves and broken archives are refused', () => {
    const bytes = Buffer.from('x'.repeat(1_000))
    for (const name of ['../a', '/a', 'a/../../b', 'a\\b', 'C:a', 'a\0b', 'a//b', './a', ''])
      assert.throws(() => listZip(encodeZip([{ name, bytes }])), /elsewhere/, JSON.stringify(name))
    assert.throws(
      () =>
        listZip(
          encodeZip([
            { name: 'a', bytes },
            { name: 'a', bytes },
          ]),
        ),
      /twice/,
    )
    const honest = Buffer.from(encodeZip([{ name: 'a', bytes }]))
    const central = honest.lastIndexOf('PK\u0001\u0002')
    const lie = (at: number, value: number): Buffer => {
      const copy = Buffer.from(honest)
      copy.writeUInt32LE(value, central + at)
      return copy
    }
    assert.throws(() => listZip(lie(24, 10))[0]?.unpack())
    assert.throws(() => listZip(lie(24, 0xff_ff_ff_ff)), /more than/)
    assert.throws(() => listZip(lie(16, 0))[0]?.unpack(), /broken/)
    assert.throws(() => listZip(lie(38, 0o120777 * 65_536)), /link/)
    assert.throws(() => listZip(lie(42, 0xff_ff_ff)), /broken/)
    assert.throws(() => listZip(honest.subarray(1)), /broken/)
    assert.throws(() => listZip(Buffer.alloc(5)), /broken/)
    assert.deepEqual(listZip(honest)[0]?.unpack(), bytes)
  })
})
