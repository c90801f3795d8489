import { isSameHash, selectorOf, type TokenSecrets } from './secret.ts'

/** For tests, and for platforms that are gone when the process is. */
export class MemoryTokenSecrets implements TokenSecrets {
  readonly #bySelector = new Map<string, { readonly tokenId: string; readonly hash: Buffer }[]>()
  readonly #selectors = new Map<string, string>()
  #version = 0

  get version(): number {
    return this.#version
  }

  find(hash: Buffer): string | undefined {
    return this.#bySelector.get(selectorOf(hash))?.find((row) => isSameHash(row.hash, hash))?.tokenId
  }

  put(tokenId: string, hash: Buffer): void {
    this.remove(tokenId)
    this.#version++
    const selector = selectorOf(hash)
    this.#bySelector.set(selector, [...(this.#bySelector.get(selector) ?? []), { tokenId, hash }])
    this.#selectors.set(tokenId, selector)
  }

  remove(tokenId: string): void {
    const selector = this.#selectors.get(tokenId)
    if (selector === undefined) return
    this.#version++
    this.#selectors.delete(tokenId)
    const rest = this.#bySelector.get(selector)!.filter((row) => row.tokenId !== tokenId)
    if (rest.length === 0) this.#bySelector.delete(selector)
    else this.#bySelector.set(selector, rest)
  }

  close(): void {
    this.#version++
    this.#bySelector.clear()
    this.#selectors.clear()
  }
}
