import { randomFillSync, randomUUID } from 'node:crypto'

/** As in a browser. */
const BYTES_MAX = 65_536

export function makeCrypto(): object {
  return {
    getRandomValues: <T>(view: T): T => {
      if (!ArrayBuffer.isView(view)) throw new TypeError('`getRandomValues` fills a typed array')
      const { buffer, byteOffset, byteLength } = view
      if (byteLength > BYTES_MAX) throw new RangeError(`${BYTES_MAX} bytes are the most at a time`)
      // Into memory of our own first: what the app hands over may change under Node's hands.
      new Uint8Array(buffer, byteOffset, byteLength).set(randomFillSync(new Uint8Array(byteLength)))
      return view
    },
    randomUUID: () => randomUUID(),
  }
}
