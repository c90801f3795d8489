import type { Random } from './random.ts'

/** Values of one kind that are remembered. Enough to come back to, few enough to meet again. */
const KEPT_MAX = 40

export type Kind =
  | 'actor'
  | 'holder'
  | 'issuer'
  | 'permission'
  | 'id'
  | 'user'
  | 'group'
  | 'app'
  | 'token'
  | 'grant'
  | 'resource'
  | 'cursor'
  | 'secret'
  | 'text'

/** Names in answers whose values have a meaning of their own. */
const BY_NAME: Readonly<Record<string, Kind>> = {
  actor: 'actor',
  issuer: 'issuer',
  holder: 'holder',
  owner: 'actor',
  member: 'holder',
  of: 'actor',
  permission: 'permission',
  parent: 'permission',
  prefix: 'permission',
  nextCursor: 'cursor',
  token: 'secret',
  id: 'id',
  group: 'group',
}

/** A list of three strings, in JSON, in base64url. */
const GRANT_ID = /^Wy[\w-]{10,}$/

/** Values that later requests are made of: those of the world at first, then whatever answers showed. */
export class Pool {
  readonly #values = new Map<Kind, string[]>()
  readonly #isKept: (value: string) => boolean
  readonly #random: Random
  /** The highest seen. */
  revision = 0

  /** @param isKept - false for what must stay out of reach, so that the world keeps what it is judged by */
  constructor(random: Random, isKept: (value: string) => boolean) {
    this.#random = random
    this.#isKept = isKept
  }

  add(kind: Kind, ...values: readonly string[]): void {
    const list = this.#values.get(kind) ?? []
    this.#values.set(kind, list)
    for (const value of values) {
      if (!this.#isKept(value) || list.includes(value)) continue
      if (list.length < KEPT_MAX) list.push(value)
      else list[this.#random.int(KEPT_MAX)] = value
    }
  }

  find(kind: Kind): string | undefined {
    const list = this.#values.get(kind) ?? []
    return list.length === 0 ? undefined : this.#random.pick(list)
  }

  /**
   * Remembers what an answer shows.
   *
   * @param of - whose ids plain ones are, where that is known
   */
  harvest(value: unknown, of: Kind = 'id', name = ''): void {
    if (typeof value === 'string') this.#harvestText(value, of, name)
    else if (typeof value === 'number') {
      if (name === 'revision') this.revision = Math.max(this.revision, value)
    } else if (Array.isArray(value)) {
      for (const item of value.slice(0, 20)) this.harvest(item, of, name)
    } else if (typeof value === 'object' && value !== null) {
      const kind = kindOf(Reflect.get(value, 'kind')) ?? of
      for (const [inner, each] of Object.entries(value)) this.harvest(each, kind, inner)
    }
  }

  #harvestText(value: string, of: Kind, name: string): void {
    if (value.length > 2_000) return
    if (name === 'id') this.add(GRANT_ID.test(value) ? 'grant' : of, value)
    if (name === 'permission' && of === 'resource') this.add(of, value)
    this.add(BY_NAME[name] ?? 'text', value)
    const [, kind, id] = /^(user|group|app|token):([^/]+)$/.exec(value) ?? []
    if (id !== undefined) this.add(kindOf(kind) ?? 'id', id)
  }
}

/** `users`, as a collection is called in a path, or `user`, as a fact is. */
export function kindOf(name: unknown): Kind | undefined {
  return OF_ITS_OWN.find((kind) => name === kind || name === `${kind}s`)
}

const OF_ITS_OWN = ['user', 'group', 'app', 'token', 'grant', 'resource'] as const
