import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FileInvalidError } from './errors.ts'
import { LineSplitter, readLines, type Line } from './lines.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

async function linesOf(chunks: readonly Uint8Array[], max?: number): Promise<Line[]> {
  const lines: Line[] = []
  for await (const some of readLines(chunks, max)) lines.push(...some)
  return lines
}

describe('readLines', () => {
  test('gives the same lines wherever the chunks are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'ü', '\u{1f600}', '\n', '\r\n', ' ', '\r'), { maxLength: 40 }),
        fc.array(fc.nat(80)),
        async (parts, cuts) => {
          const whole = bytes(parts.join(''))
          const at = [
            0,
            ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b),
            whole.length,
          ]
          const chunks = at.slice(1).map((end, i) => whole.subarray(at[i], end))
          assert.deepEqual(await linesOf(chunks), await linesOf([whole]))
        },
      ),
    )
  })

  test('leaves out blank lines but counts them, and takes CRLF, a mark at the start and no end at the end', async () => {
    assert.deepEqual(await linesOf([bytes('\u{feff}a\r\n\r\n \t\nb')]), [
      { number: 1, text: 'a' },
      { number: 4, text: 'b' },
    ])
  })

  test('keeps a mark that does not stand at the start', async () => {
    assert.deepEqual(await linesOf([bytes('a\n\u{feff}b')]), [
      { number: 1, text: 'a' },
      { number: 2, text: '\u{feff}b' },
    ])
  })

  const broken = [
    { name: 'a stray continuation byte', bytes: [0x61, 0x0a, 0x62, 0x80], line: 2, column: 2 },
    { name: 'an overlong form', bytes: [0xc0, 0xaf], line: 1, column: 1 },
    { name: 'a surrogate', bytes: [0x61, 0xed, 0xa0, 0x80], line: 1, column: 2 },
    { name: 'a character cut off', bytes: [0xf0, 0x9f, 0x98], line: 1, column: 1 },
    {
      name: 'a byte after a character of two units',
      bytes: [0xf0, 0x9f, 0x98, 0x80, 0xff],
      line: 1,
      column: 3,
    },
    { name: 'beyond the last plane', bytes: [0xf4, 0x90, 0x80, 0x80], line: 1, column: 1 },
  ]
  for (const { name, bytes: given, line, column } of broken) {
    test(`names the place of ${name}`, async () => {
      await assert.rejects(linesOf([new Uint8Array(given)]), (error) => {
        assert.ok(error instanceof FileInvalidError)
        assert.deepEqual([error.code, error.line, error.column], ['LINE_INVALID', line, column])
        return true
      })
    })
  }

  test('agrees with the decoder on which bytes are UTF-8', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8, min: 0x79 }), (given) => {
        const sound = !given.includes(0x0a)
        fc.pre(sound)
        const splitter = new LineSplitter()
        try {
          splitter.push(given)
          splitter.end()
        } catch (error) {
          assert.ok(error instanceof FileInvalidError)
          assert.throws(() => decoder.decode(given))
          return
        }
        assert.doesNotThrow(() => decoder.decode(given))
      }),
      { numRuns: 2_000 },
    )
  })

  test('refuses a line over the bound without holding more than it', async () => {
    let given = 0
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        given += 1_000
        yield new Uint8Array(1_000).fill(0x61)
      }
    }
    await assert.rejects(async () => {
      for await (const _ of readLines(endless(), 10_000));
    }, /line 1, column 10001: the line is longer than 10000 bytes/)
    assert.ok(given <= 12_000)
    assert.equal((await linesOf([bytes(`${'a'.repeat(10_000)}\nb`)], 10_000)).length, 2)
    await assert.rejects(linesOf([bytes(`x\n${'a'.repeat(10_001)}\nb`)], 10_000), /line 2/)
  })
})
