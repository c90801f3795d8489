import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AppHandle } from '../broker/app-handle.ts'
import { makeCalls, type CallsOptions } from '../broker/calls.ts'
import type { Cell, CellResponse } from '../broker/cell.ts'
import { CELL_LIMITS, type CellLimits } from '../broker/limits.ts'
import { openCellPool } from '../broker/pool.ts'
import { LIMIT_DEFAULTS, type AppLimits } from '../limits.ts'
import type { RequestMessage, StartMessage } from '../messages.ts'
import { findRuntime } from '../seal/spawn.ts'

export interface LogLine {
  readonly app: string
  readonly level: string
  readonly message: string
  readonly data?: unknown
}

export interface TestPoolOptions {
  readonly operations?: CallsOptions['operations']
  /** Keys that the engine says are granted, at the moment. */
  readonly granted?: Set<string>
  readonly limits?: Partial<CellLimits>
  readonly sparesMax?: number
}

/** A real pool of sealed cells, and apps that are nothing but a few scripts. */
export class TestPool implements AsyncDisposable {
  readonly log: LogLine[] = []
  readonly denied: string[] = []
  readonly granted: Set<string>
  readonly #pool: ReturnType<typeof openCellPool>
  readonly #folder = mkdtempSync(join(tmpdir(), 'castellan-pool-'))
  #requests = 0

  constructor({ operations = [], granted = new Set(), limits = {}, sparesMax = 1 }: TestPoolOptions = {}) {
    this.granted = granted
    this.#pool = openCellPool({
      calls: makeCalls({
        engine: {
          claims: (_app, permission) => ({
            pathways: this.granted.has(permission.slice('module:'.length)) ? [[{}]] : [],
          }),
        },
        operations,
        denied: (app, permission, op) => this.denied.push(`${app} ${permission} ${op}`),
        failed: (app, op, error) => this.log.push({ app, level: 'error', message: op, data: error }),
      }),
      limits: { ...CELL_LIMITS, ...limits },
      runtime: findRuntime(),
      uids: process.getuid?.() === 0 ? { first: 210_000, count: 10_000 } : undefined,
      isSealed: true,
      isWarm: true,
      sparesMax,
      log: (app, level, message, data) => this.log.push({ app, level, message, data }),
      monotonic: () => performance.now(),
    })
  }

  async start(
    scripts: Readonly<Record<string, string>>,
    start: Partial<StartMessage> = {},
    limits: Partial<AppLimits> = {},
  ): Promise<Cell> {
    const files = Object.keys(scripts).map((path, blob): readonly [string, number] => [path, blob])
    const dataFolder = join(this.#folder, 'data')
    mkdirSync(dataFolder, { recursive: true })
    const handle: AppHandle = {
      id: 'app',
      packageFolder: this.#folder,
      dataFolder,
      databases: new Map(),
      limits: { ...LIMIT_DEFAULTS, ...limits },
    }
    return this.#pool.start(
      {
        kind: 'start',
        app: { id: 'app', name: 'App', version: '1.0.0', description: '', env: {} },
        files,
        granted: [...this.granted],
        startupScripts: [],
        defaultInclude: [],
        ...start,
      },
      Object.values(scripts).map((script) => Buffer.from(script)),
      handle,
    )
  }

  /** Asks a cell for one script. */
  ask(
    cell: Cell,
    script: string,
    message: Partial<RequestMessage> = {},
    blobs: readonly Uint8Array[] = [],
  ): Promise<CellResponse> {
    const request: RequestMessage = {
      kind: 'request',
      id: ++this.#requests,
      script,
      method: 'GET',
      url: '/app/x?a=1',
      path: '/app/x',
      protocol: 'http',
      hostname: 'localhost:7070',
      headers: {},
      cookies: {},
      query: { a: '1' },
      params: {},
      body: { type: 'none' },
      ...message,
    }
    return cell.request(request, blobs, new AbortController().signal)
  }

  /** What a script that answers with `$g.response.send(value)` sent. */
  async value(cell: Cell, script: string): Promise<unknown> {
    const { body } = await this.ask(cell, script)
    const text = Buffer.from(body ?? []).toString()
    try {
      return JSON.parse(text)
    } catch {
      return text
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
