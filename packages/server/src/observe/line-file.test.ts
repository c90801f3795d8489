import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LineFile } from './line-file.ts'

function make(t: TestContext, options: Partial<ConstructorParameters<typeof LineFile>[0]> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'castellan-lines-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, 'log', 'lines.jsonl')
  const lines = new LineFile({ path, bytesMax: 1_000_000, filesMax: 3, ...options })
  const lost: string[] = []
  const file = {
    write: (line: string) => lines.write(line, () => lost.push(line)),
    close: () => lines.close(),
  }
  return { dir, path, lost, file }
}

describe('lines in a file', () => {
  test('are all there, in order, once it is closed', async (t) => {
    const { file, path } = make(t)
    const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i} äöü`)
    for (const line of lines) assert.equal(file.write(line), true)
    await file.close()
    assert.equal(readFileSync(path, 'utf8'), lines.map((line) => `${line}\n`).join(''))
    assert.equal(file.write('late'), false)
    if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600)
  })

  test('go to the end of what is there, never behind half a line', async (t) => {
    const { file, path } = make(t)
    mkdirSync(join(path, '..'))
    appendFileSync(path, 'whole\nhal')
    file.write('next')
    await file.close()
    assert.equal(readFileSync(path, 'utf8'), 'whole\nhal\nnext\n')
  })

  test('fill no file beyond its bound, and no more files than wanted', async (t) => {
    const { file, path } = make(t, { bytesMax: 1_000, filesMax: 3 })
    for (let i = 0; i < 1_000; i++) file.write(`line ${String(i).padStart(94, '0')}`)
    await file.close()
    assert.deepEqual(readdirSync(join(path, '..')).sort(), ['lines.jsonl', 'lines.jsonl.1', 'lines.jsonl.2'])
    const kept = ['.2', '.1', ''].map((end) => readFileSync(path + end, 'utf8'))
    for (const text of kept) assert.ok(text.length <= 1_000 && text.length >= 900, String(text.length))
    const numbers = kept.join('').match(/\d+/g)!.map(Number)
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, i) => 1_000 - numbers.length + i),
    )
  })

  test('are put aside also where only one file is kept, and where one line is larger than a file', async (t) => {
    const { file, path } = make(t, { bytesMax: 10, filesMax: 1 })
    for (const line of ['short', 'x'.repeat(50), 'last']) file.write(line)
    await file.close()
    assert.equal(readFileSync(path, 'utf8'), 'last\n')
    assert.deepEqual(readdirSync(join(path, '..')), ['lines.jsonl'])
  })

  test('are counted after a restart as well', async (t) => {
    const { file, path } = make(t, { bytesMax: 20, filesMax: 2 })
    file.write('a'.repeat(15))
    await file.close()
    const again = new LineFile({ path, bytesMax: 20, filesMax: 2 })
    again.write('b'.repeat(15), () => assert.fail())
    await again.close()
    assert.equal(readFileSync(`${path}.1`, 'utf8'), `${'a'.repeat(15)}\n`)
    assert.equal(readFileSync(path, 'utf8'), `${'b'.repeat(15)}\n`)
  })

  test('beyond what the memory holds are refused at once', async (t) => {
    const { file } = make(t)
    const line = 'x'.repeat(100_000)
    let taken = 0
    while (file.write(line)) taken++
    assert.ok(taken > 30 && taken < 50, String(taken))
    await file.close()
  })

  test(
    'that find a folder in their place are lost, and others are written when it is gone',
    { timeout: 20_000 },
    async (t) => {
      const { file, path, lost } = make(t)
      mkdirSync(path, { recursive: true })
      for (let i = 0; i < 3; i++) file.write(`lost ${i}`)
      await sleep(200)
      assert.deepEqual(lost, ['lost 0', 'lost 1', 'lost 2'])
      file.write('kept')
      rmSync(path, { recursive: true })
      await sleep(1_500)
      assert.equal(readFileSync(path, 'utf8'), 'kept\n')
      await file.close()
      assert.equal(existsSync(path), true)
    },
  )

  test(
    'that can never be written keep closing waiting no longer than a moment',
    { timeout: 20_000 },
    async (t) => {
      const { file, path, lost } = make(t)
      mkdirSync(path, { recursive: true })
      file.write('lost')
      await sleep(100)
      file.write('lost as well')
      const start = performance.now()
      await file.close()
      assert.ok(performance.now() - start < 3_000)
      assert.deepEqual(lost, ['lost', 'lost as well'])
    },
  )
})
