import type {
  Change,
  ChangeResult,
  Claims,
  Explanation,
  Fact,
  GrantFact,
  GroupFact,
  JournalEntry,
  MemberFact,
  Paging,
  Preview,
  Question,
  ResourceFact,
  RuleEntry,
} from '@castellan/engine'
import type { CheckAnswer, CheckEachAnswer, MeAnswer, TokenAnswer } from '@castellan/protocol'
import type { Verification } from '@castellan/store'
import { CommandError, usageError } from '../exit.ts'
import { RemoteError } from '../problem.ts'
import {
  factsOf,
  findGroup,
  findResource,
  groupsOf,
  membersOf,
  pagesOf,
  queryOf,
  resourcesOf,
  tokensOf,
  usersOf,
  type Get,
} from './http-facts.ts'
import { entriesOf, followEntries, verifyEntries } from './http-journal.ts'
import { request, type Server } from './request.ts'
import {
  BatchError,
  type Changed,
  type ChangeWish,
  type GrantFilter,
  type NewToken,
  type Target,
  type TokenWish,
} from './target.ts'

export interface HttpTargetOptions {
  readonly server: Server
  readonly now: () => number
  /** Whom the token is for, where that is known. */
  readonly user?: string
  /** Whose authority is wanted instead of the token's. */
  readonly as?: string
  /** The files behind the server, where this machine has them: what the server has no route for is read there. */
  readonly beside?: () => Promise<Target>
}

/** Works on a server, with the authority of its token. */
export class HttpTarget implements Target {
  readonly place: string
  readonly #server: Server
  readonly #user: string | undefined
  readonly #as: string | undefined
  readonly #now: () => number
  #acting: Promise<Acting> | undefined
  readonly #openBeside: (() => Promise<Target>) | undefined
  #beside: Promise<Target> | undefined
  readonly #get: Get = (path) => this.#ask('GET', path)

  constructor({ server, user, as, now, beside }: HttpTargetOptions) {
    this.place = server.url.origin
    this.#server = server
    this.#user = user
    this.#as = as
    this.#now = now
    this.#openBeside = beside
  }

  async whoAmI(): Promise<string> {
    return this.#as ?? this.#user ?? ((await this.#get('/v1/me')) as MeAnswer).issuer
  }

  async revision(): Promise<number> {
    return ((await this.#get('/healthz')) as { revision: number }).revision
  }

  async check(actor: string, permissions: readonly string[]): Promise<CheckAnswer> {
    return (await this.#post('/v1/check', { actor, permissions })) as CheckAnswer
  }

  async checkEach(questions: readonly Question[]): Promise<CheckEachAnswer> {
    return (await this.#post('/v1/check-each', { checks: questions })) as CheckEachAnswer
  }

  async scan(actor: string, permissions: readonly string[]): ReturnType<Target['scan']> {
    return (await this.#post('/v1/scan', { actor, permissions })) as Awaited<ReturnType<Target['scan']>>
  }

  async explain(actor: string, permission: string): Promise<Explanation> {
    return (await this.#post('/v1/explain', { actor, permission })) as Explanation
  }

  async claims(actor: string, permission: string): Promise<Claims> {
    return (await this.#post('/v1/claims', { actor, permission })) as Claims
  }

  async holders(permission: string, paging: Paging): ReturnType<Target['holders']> {
    return withIncomplete(
      (await this.#post(`/v1/holders${queryOf(paging)}`, { permission })) as Awaited<
        ReturnType<Target['holders']>
      >,
    )
  }

  async permissionsOf(
    actor: string,
    prefix: string | undefined,
    paging: Paging,
  ): ReturnType<Target['permissionsOf']> {
    const answer = await this.#post(`/v1/permissions${queryOf(paging)}`, {
      actor,
      ...(prefix === undefined ? {} : { prefix }),
    })
    return withIncomplete(answer as Awaited<ReturnType<Target['permissionsOf']>>)
  }

  async preview(changes: readonly Change[], paging: Paging): Promise<Preview> {
    const answer = (await this.#post(`/v1/preview${queryOf(paging)}`, { changes })) as PreviewAnswer
    const items = (['lost', 'gained', 'kept'] as const).flatMap((change) =>
      answer[change].map((question) => ({ ...question, change })),
    )
    return { ...answer, items }
  }

  async change(changes: readonly Change[], wish: ChangeWish): Promise<Changed> {
    return (await this.#post('/v1/changes', { changes, ...wish })) as Changed
  }

  /** A server takes less at a time than a database beside us does: each part is a commit of its own. */
  async importBatch(facts: readonly Fact[], reason: string | undefined): Promise<Changed> {
    const results: ChangeResult[] = []
    let revision = 0
    for (const part of partsOf(facts)) {
      try {
        const changed = await this.change(
          part.map((fact) => ({ add: fact })),
          reason === undefined ? {} : { reason },
        )
        results.push(...changed.results)
        revision = changed.revision
      } catch (error) {
        throw blame(error, results.length, part.length)
      }
    }
    return { revision, results }
  }

  findGroup(id: string): Promise<GroupFact | undefined> {
    return findGroup(this.#get, id)
  }

  findResource(permission: string): Promise<ResourceFact | undefined> {
    return findResource(this.#get, permission)
  }

  /** The files, where this machine has them, are read at one moment and need no memory. */
  async *facts(): AsyncGenerator<Fact> {
    const beside = await this.#files()
    yield* beside?.facts() ?? factsOf(this.#get, (from, to) => this.journal(from, to))
  }

  users(): ReturnType<Target['users']> {
    return usersOf(this.#get)
  }

  groups(): ReturnType<Target['groups']> {
    return groupsOf(this.#get)
  }

  async *members(group?: string): AsyncGenerator<MemberFact> {
    if (group !== undefined) yield* membersOf(this.#get, group)
    else for await (const { id } of this.groups()) yield* membersOf(this.#get, id)
  }

  tokens(): ReturnType<Target['tokens']> {
    return tokensOf(this.#get)
  }

  resources(prefix?: string): ReturnType<Target['resources']> {
    return resourcesOf(this.#get, prefix)
  }

  async *grants(filter: GrantFilter): AsyncGenerator<GrantFact> {
    for await (const page of pagesOf<GrantsPage>(this.#get, '/v1/grants', { ...filter }))
      for (const { id: _, ...grant } of page.items) yield { kind: 'grant', ...grant }
  }

  async rules(): Promise<readonly RuleEntry[]> {
    return ((await this.#get('/v1/rules')) as { readonly items: readonly RuleEntry[] }).items
  }

  async createToken({ issuer, full, permissions, expiresAt }: TokenWish): Promise<NewToken> {
    const body = {
      full,
      permissions,
      ...(issuer === undefined ? {} : { issuer }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    }
    const made = (await this.#post('/v1/tokens', body)) as TokenAnswer
    return { id: made.id, issuer: made.issuer, secret: made.token, revision: made.revision }
  }

  journal(from: number, to?: number): AsyncIterable<JournalEntry> {
    return entriesOf(this.#get, from, to)
  }

  /** The files say more: whether they are whole, and whether the facts are what the journal leads to. */
  async verifyJournal(head: string | undefined): Promise<Verification> {
    const beside = await this.#files()
    return beside === undefined ? verifyEntries(this.#get, head) : beside.verifyJournal(head)
  }

  async *watch(from: number | undefined, signal: AbortSignal): AsyncGenerator<JournalEntry> {
    if (this.#as !== undefined)
      throw usageError(
        'a server is not watched as someone else: the token made for that ends in a minute',
        'leave `--as` out, or use a token of that user',
      )
    yield* followEntries(this.#server, from, signal)
  }

  async backup(file: string): ReturnType<Target['backup']> {
    const beside = await this.#files()
    if (beside === undefined)
      throw usageError(
        'a backup is a copy of the database, made beside it',
        'run it in the platform folder, or with `--dir` or `--store`; `castellan export` works from here',
      )
    return beside.backup(file)
  }

  async close(): Promise<void> {
    await (await this.#beside)?.close()
    const acting = await this.#acting
    // A token that was made only to act is taken back; should that fail, it ends by itself in a minute.
    if (acting !== undefined)
      await request(this.#server, 'POST', '/v1/changes', {
        changes: [{ remove: { kind: 'token', id: acting.id } }],
        reason: ACTING_REASON,
      }).catch(() => undefined)
  }

  /**
   * The server that requests go to, with the token they go with. A server knows callers by their tokens only; so to
   * act as a user, who may state facts in that user's name makes a token of theirs, for a minute.
   */
  async #actingServer(): Promise<Server> {
    if (this.#as === undefined) return this.#server
    this.#acting ??= this.#actAs(this.#as)
    return (await this.#acting).server
  }

  async #actAs(issuer: string): Promise<Acting> {
    if (!/^user:[^/]+$/.test(issuer))
      throw new CommandError(
        'NOT_THERE_YET',
        `a server cannot be asked as ${issuer}`,
        'act as a user, or use a token of that party',
      )
    const expiresAt = new Date(this.#now() + ACTING_MS).toISOString()
    const { id, token } = (await request(this.#server, 'POST', '/v1/tokens', {
      issuer,
      full: true,
      expiresAt,
    })) as TokenAnswer
    return { id, server: { url: this.#server.url, token } }
  }

  async #files(): Promise<Target | undefined> {
    this.#beside ??= this.#openBeside?.()
    return this.#beside
  }

  async #post(path: string, body: unknown): Promise<unknown> {
    return this.#ask('POST', path, body)
  }

  async #ask(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
    try {
      return await request(
        path === '/healthz' ? this.#server : await this.#actingServer(),
        method,
        path,
        body,
      )
    } catch (error) {
      if (error instanceof RemoteError && error.code === 'NOT_FOUND')
        throw notThereYet(`${method} ${path.split('?')[0] ?? path}`)
      throw error
    }
  }
}

/** Facts in one request, and their size in UTF-16 units: within the server's bounds on changes and on bodies. */
const PART_FACTS_MAX = 1_000
const PART_LENGTH_MAX = 60_000

function* partsOf(facts: readonly Fact[]): Generator<readonly Fact[]> {
  let part: Fact[] = []
  let length = 0
  for (const fact of facts) {
    const more = JSON.stringify(fact).length
    if (part.length > 0 && (part.length === PART_FACTS_MAX || length + more > PART_LENGTH_MAX)) {
      yield part
      part = []
      length = 0
    }
    part.push(fact)
    length += more
  }
  if (part.length > 0) yield part
}

/** The server names the change where its shape is wrong; for all else it is one of this part. */
function blame(error: unknown, before: number, size: number): unknown {
  if (
    !(error instanceof RemoteError) ||
    error.problem.status >= 500 ||
    error.problem.status === 401 ||
    error.problem.status === 403
  )
    return error
  const index = /^changes\[(?<index>\d+)\]/.exec(error.problem.path ?? '')?.groups?.['index']
  return index === undefined
    ? new BatchError(before, error, before + size - 1)
    : new BatchError(before + Number(index), error)
}

interface Acting {
  readonly id: string
  readonly server: Server
}

/** How long a token made for `--as` stands, in milliseconds: longer than one command takes. */
const ACTING_MS = 60_000
const ACTING_REASON = 'castellan --as'

type PreviewAnswer = Omit<Preview, 'items'> &
  Readonly<Record<'lost' | 'gained' | 'kept', readonly Question[]>>

interface GrantsPage {
  readonly items: readonly (Omit<GrantFact, 'kind'> & { readonly id: string })[]
  readonly nextCursor: string | null
  readonly revision: number
}

function withIncomplete<Page extends { readonly incomplete: boolean }>(page: Page): Page {
  return { ...page, incomplete: page.incomplete ?? false }
}

function notThereYet(what: string): CommandError {
  return new CommandError(
    'NOT_THERE_YET',
    `the server has no route for this yet: ${what}`,
    'run it beside the database: in the platform folder, or with `--dir` or `--store`',
  )
}
