// Node's `URL` behind classes of our own: what goes in and out is text.

import { toText } from '../text.ts'

const HostUrl = URL

/** Pairs of a query, in order, with what is done when they change. */
export class SafeSearchParams {
  #pairs: [string, string][]
  #changed: (text: string) => void = () => undefined

  constructor(init?: unknown) {
    this.#pairs = pairsOf(init)
  }

  static of(text: string, changed: (text: string) => void): SafeSearchParams {
    const params = new SafeSearchParams(text)
    params.#changed = changed
    return params
  }

  static replace(params: SafeSearchParams, text: string): void {
    params.#pairs = pairsOf(text)
  }

  get size(): number {
    return this.#pairs.length
  }

  append(name: unknown, value: unknown): void {
    this.#pairs.push([String(name), String(value)])
    this.#tell()
  }

  delete(name: unknown, value?: unknown): void {
    const [key, only] = [String(name), value === undefined ? undefined : toText(value)]
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== key || (only !== undefined && pair[1] !== only))
    this.#tell()
  }

  get(name: unknown): string | null {
    const key = String(name)
    return this.#pairs.find((pair) => pair[0] === key)?.[1] ?? null
  }

  getAll(name: unknown): string[] {
    const key = String(name)
    return this.#pairs.filter((pair) => pair[0] === key).map((pair) => pair[1])
  }

  has(name: unknown, value?: unknown): boolean {
    const all = this.getAll(name)
    return value === undefined ? all.length > 0 : all.includes(toText(value))
  }

  set(name: unknown, value: unknown): void {
    const key = String(name)
    const at = this.#pairs.findIndex((pair) => pair[0] === key)
    if (at === -1) this.#pairs.push([key, String(value)])
    else {
      this.#pairs[at] = [key, String(value)]
      this.#pairs = this.#pairs.filter((pair, index) => index <= at || pair[0] !== key)
    }
    this.#tell()
  }

  sort(): void {
    this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
    this.#tell()
  }

  forEach(
    callback: (value: string, name: string, params: SafeSearchParams) => unknown,
    self?: unknown,
  ): void {
    for (const [name, value] of this.#pairs) callback.call(self, value, name, this)
  }

  *entries(): Generator<[string, string]> {
    for (const [name, value] of this.#pairs) yield [name, value]
  }

  *keys(): Generator<string> {
    for (const [name] of this.#pairs) yield name
  }

  *values(): Generator<string> {
    for (const [, value] of this.#pairs) yield value
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries()
  }

  toString(): string {
    return new URLSearchParams(this.#pairs).toString()
  }

  #tell(): void {
    this.#changed(this.toString())
  }
}

// Known here, and to nobody who is handed the class.
// oxlint-disable-next-line typescript/unbound-method -- static, and without `this`
const { of: linkedParams, replace: replaceParams } = SafeSearchParams
Reflect.deleteProperty(SafeSearchParams, 'of')
Reflect.deleteProperty(SafeSearchParams, 'replace')

function pairsOf(init: unknown): [string, string][] {
  if (init === undefined || init === null) return []
  if (typeof init !== 'object') return [...new URLSearchParams(toText(init))]
  if (!(Symbol.iterator in init)) return Object.entries(init).map(([name, value]) => [name, String(value)])
  return [...(init as Iterable<Iterable<unknown>>)].map((pair) => {
    const [name, value] = [...pair]
    return [String(name), String(value)]
  })
}

export class SafeUrl {
  readonly #url: URL
  readonly #params: SafeSearchParams

  constructor(url: unknown, base?: unknown) {
    const parsed = HostUrl.parse(String(url), base === undefined ? undefined : toText(base))
    if (parsed === null) throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL' })
    this.#url = parsed
    this.#params = linkedParams(parsed.search, (text) => {
      parsed.search = text
    })
  }

  static canParse(url: unknown, base?: unknown): boolean {
    return HostUrl.canParse(String(url), base === undefined ? undefined : toText(base))
  }

  static parse(url: unknown, base?: unknown): SafeUrl | null {
    return SafeUrl.canParse(url, base) ? new SafeUrl(url, base) : null
  }

  get href(): string {
    return this.#url.href
  }
  set href(value: unknown) {
    const text = String(value)
    if (!HostUrl.canParse(text))
      throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL' })
    this.#url.href = text
    replaceParams(this.#params, this.#url.search)
  }
  get origin(): string {
    return this.#url.origin
  }
  get protocol(): string {
    return this.#url.protocol
  }
  set protocol(value: unknown) {
    this.#url.protocol = String(value)
  }
  get username(): string {
    return this.#url.username
  }
  set username(value: unknown) {
    this.#url.username = String(value)
  }
  get password(): string {
    return this.#url.password
  }
  set password(value: unknown) {
    this.#url.password = String(value)
  }
  get host(): string {
    return this.#url.host
  }
  set host(value: unknown) {
    this.#url.host = String(value)
  }
  get hostname(): string {
    return this.#url.hostname
  }
  set hostname(value: unknown) {
    this.#url.hostname = String(value)
  }
  get port(): string {
    return this.#url.port
  }
  set port(value: unknown) {
    this.#url.port = String(value)
  }
  get pathname(): string {
    return this.#url.pathname
  }
  set pathname(value: unknown) {
    this.#url.pathname = String(value)
  }
  get search(): string {
    return this.#url.search
  }
  set search(value: unknown) {
    this.#url.search = String(value)
    replaceParams(this.#params, this.#url.search)
  }
  get searchParams(): SafeSearchParams {
    return this.#params
  }
  get hash(): string {
    return this.#url.hash
  }
  set hash(value: unknown) {
    this.#url.hash = String(value)
  }

  toString(): string {
    return this.#url.href
  }

  toJSON(): string {
    return this.#url.href
  }
}
