import {
  FactInvalidError,
  StoreError,
  type Change,
  type ChangeOptions,
  type EngineOptions,
  type Store,
} from '@castellan/engine'
import {
  openLive,
  openMemoryStore,
  openSqliteStore,
  type Changed,
  type Live,
  type Questions,
} from '@castellan/store'

export interface CastellanOptions extends Pick<EngineOptions, 'rules' | 'catalog' | 'now'> {
  /** `sqlite:<file>`, made when it is missing, or `memory:`. */
  readonly store: string
}

/** Everything in one process: questions are answered at once, from memory; changes are awaited until they are durable. */
export interface Castellan extends Questions, AsyncDisposable {
  /**
   * Makes changes in one commit, all of them or none.
   *
   * @throws {CastellanError} and then nothing of them was kept
   */
  apply(changes: readonly Change[], options?: Omit<ChangeOptions, 'changedAt'>): Promise<Changed>
  follow: Live['follow']
  journal: Live['journal']
  /** Finishes what was begun and frees the database. */
  close(): Promise<void>
}

/**
 * Opens the whole: the engine over a durable store.
 *
 * @throws {StoreError} STORE_LOCKED, with the other process's id, when someone else writes the database; STORE_CORRUPT,
 *   STORE_NEWER, and the others
 */
export async function openCastellan({ store, ...options }: CastellanOptions): Promise<Castellan> {
  const live = openLive({ store: await openStore(store), ...options })
  const { engine } = live
  return {
    get revision() {
      return engine.revision
    },
    check: (actor, permissions, asking) => engine.check(actor, permissions, asking),
    checkEach: (questions, asking) => engine.checkEach(questions, asking),
    scan: (actor, permissions, asking) => engine.scan(actor, permissions, asking),
    explain: (actor, permission, asking) => engine.explain(actor, permission, asking),
    claims: (actor, permission, asking) => engine.claims(actor, permission, asking),
    holders: (permission, asking) => engine.holders(permission, asking),
    permissionsOf: (actor, prefix, asking) => engine.permissionsOf(actor, prefix, asking),
    candidates: (sought, asking) => engine.candidates(sought, asking),
    preview: (changes, asking) => engine.preview(changes, asking),
    authorizeQuestion: (caller, question, asking) => engine.authorizeQuestion(caller, question, asking),
    canonical: (permission, asking) => engine.canonical(permission, asking),
    catalog: () => engine.catalog(),
    fact: (key, asking) => engine.fact(key, asking),
    facts: (kind) => engine.facts(kind),
    grantsWhere: (filter, asking) => engine.grantsWhere(filter, asking),
    resourcesWhere: (filter, asking) => engine.resourcesWhere(filter, asking),
    groupsWhere: (filter) => engine.groupsWhere(filter),
    tokensWhere: (filter) => engine.tokensWhere(filter),
    rules: () => engine.rules(),
    apply: (changes, changing) => live.change(changes, changing),
    follow: (following) => live.follow(following),
    journal: (range) => live.journal(range),
    close: () => live.close(),
    [Symbol.asyncDispose]: () => live.close(),
  }
}

async function openStore(store: string): Promise<Store> {
  if (store === 'memory:') return openMemoryStore()
  if (/^postgres(?:ql)?:/i.test(store))
    throw new StoreError(
      'STORE_MISSING',
      'PostgreSQL is not there yet as a store',
      'use `sqlite:<file>` until it is',
    )
  if (!store.startsWith('sqlite:') || store === 'sqlite:')
    throw new FactInvalidError('store', `\`${store}\` is no store`, 'write `sqlite:<file>` or `memory:`')
  return openSqliteStore({ path: store.slice('sqlite:'.length) })
}
