import { closeSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { OperationError } from '../../broker/operation.ts'
import type { AppHandle } from '../../broker/app-handle.ts'
import { Folder, openFile } from '../fs/folder.ts'
import { resolvePath } from '../fs/path.ts'
import { Helper, HelperError } from '../helper/helper.ts'
import type { Database, DatabaseLimits, Outcome, Statement, Transaction } from './database.ts'
import { prepare } from './sql.ts'
import { SQLITE_FRAMES, type SqliteAnswer, type SqliteCommand } from './sqlite-protocol.ts'

const PROGRAM = new URL(`./sqlite-process${extname(import.meta.url)}`, import.meta.url)
const MEMORY_BYTES_MAX = 384 * 1024 * 1024
const IDLE_MS = 60_000

/** The process in which all SQLite files of one app are open. */
export function sqliteHelper(): Helper {
  return new Helper({
    program: PROGRAM,
    memoryBytesMax: MEMORY_BYTES_MAX,
    frames: SQLITE_FRAMES,
    idleMs: IDLE_MS,
  })
}

/** A file of the app, copied from its package the first time. Transactions on it take turns, and readers do not wait. */
export class SqliteDatabase implements Database {
  readonly #app: AppHandle
  readonly #name: string
  readonly #helper: Helper
  readonly #limits: DatabaseLimits
  readonly #file: Promise<string>
  /** Whoever may write on the connection, one after the other. */
  #turn: Promise<void> = Promise.resolve()
  #isInTransaction = false

  /** @param name - of the file, as the app's configuration has it: from its box */
  constructor(app: AppHandle, name: string, helper: Helper, limits: DatabaseLimits) {
    this.#app = app
    this.#name = name
    this.#helper = helper
    this.#limits = limits
    this.#file = this.#provide()
    this.#file.catch(() => undefined)
  }

  async run(statement: Statement): Promise<Outcome> {
    if (this.#isInTransaction && statement.wantsRows) {
      try {
        return await this.#send(statement, true)
      } catch (error) {
        // It changes something, as with RETURNING: then it waits like every other.
        if (!(error instanceof OperationError && error.code === 'DB_READ_ONLY')) throw error
      }
    }
    const leave = await this.#enter()
    try {
      return await this.#send(statement, false)
    } finally {
      leave()
    }
  }

  async begin(): Promise<Transaction> {
    const leave = await this.#enter()
    let generation: number
    try {
      generation = await this.#control('begin', undefined)
    } catch (error) {
      leave()
      throw error
    }
    this.#isInTransaction = true
    let isOpen = true
    const end = async (how: 'commit' | 'rollback'): Promise<void> => {
      if (!isOpen) throw ended()
      isOpen = false
      try {
        await this.#control(how, generation)
      } finally {
        this.#isInTransaction = false
        leave()
      }
    }
    return {
      run: (statement) => (isOpen ? this.#send(statement, false, generation) : Promise.reject(ended())),
      commit: () => end('commit'),
      rollback: () => end('rollback'),
    }
  }

  /** The process is closed by whoever opened it. */
  close(): Promise<void> {
    return Promise.resolve()
  }

  async #enter(): Promise<() => void> {
    const before = this.#turn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turn = before.then(() => promise)
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(new OperationError('DB_BUSY', 'another transaction has the database')),
      this.#limits.waitMsMax,
    )
    try {
      await Promise.race([before, late])
      return resolve
    } catch (error) {
      resolve()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async #send(statement: Statement, isRead: boolean, generation?: number): Promise<Outcome> {
    const { sql, order, names } = prepare('sqlite', statement.sql, statement.values.length)
    const command = {
      ...(await this.#base()),
      do: 'run' as const,
      sql,
      values: order.map((index) => statement.values[index] ?? null),
      names,
      isRead,
      rowsMax: this.#limits.rowsMax,
      bytesMax: this.#limits.bytesMax,
    }
    const { answer, blobs } = await this.#call(command, statement.blobs, generation)
    return { ...answer, blobs }
  }

  async #control(how: 'begin' | 'commit' | 'rollback', generation: number | undefined): Promise<number> {
    return (await this.#call({ ...(await this.#base()), do: how }, [], generation)).generation
  }

  async #call(command: SqliteCommand, blobs: readonly Uint8Array[], generation: number | undefined) {
    try {
      const frame = await this.#helper.call(command, blobs, this.#limits.statementMsMax, generation)
      const head = frame.head as SqliteAnswer
      if ('error' in head) throw new OperationError(head.error.code, head.error.message)
      return { answer: head.ok, blobs: frame.blobs, generation: frame.generation }
    } catch (error) {
      if (error instanceof HelperError) throw whyEnded(error, this.#limits)
      throw error
    }
  }

  async #base(): Promise<{ readonly file: string; readonly fileBytesMax: number }> {
    return { file: await this.#file, fileBytesMax: this.#limits.fileBytesMax }
  }

  /** Its own folder, apart from the app's files: SQLite reads what only SQLite wrote, or what came with the package. */
  async #provide(): Promise<string> {
    const names = resolvePath('BOX', '', this.#name)
    if (names.length === 0) throw new OperationError('DB_CONFIG', 'the database has no file name')
    const folder = join(this.#app.dataFolder, 'db')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const file = join(folder, encodeURIComponent(names.join('/')))
    if (existsSync(file)) return file
    const packaged = openPackaged(join(this.#app.packageFolder, 'box'), names)
    if (packaged === undefined) return file
    try {
      const aside = `${file}.new`
      rmSync(aside, { force: true })
      await copyFile(packaged.path, aside)
      renameSync(aside, file)
      return file
    } finally {
      packaged.close()
    }
  }
}

function openPackaged(root: string, names: readonly string[]): { path: string; close(): void } | undefined {
  let folder = Folder.open(root)
  try {
    for (const name of names.slice(0, -1)) {
      const parent: Folder | undefined = folder
      folder = parent?.child(name)
      parent?.close()
    }
    const name = names.at(-1)
    if (folder === undefined || name === undefined || folder.stat(name) === undefined) return undefined
    const path = folder.at(name)
    const { fd } = openFile(path)
    return process.platform === 'linux'
      ? { path: `/proc/self/fd/${fd}`, close: () => closeSync(fd) }
      : { path, close: () => closeSync(fd) }
  } finally {
    folder?.close()
  }
}

function ended(): OperationError {
  return new OperationError('DB_TRANSACTION', 'the transaction is over')
}

function whyEnded({ why }: HelperError, limits: DatabaseLimits): OperationError {
  switch (why) {
    case 'deadline':
      return new OperationError('DB_TIMEOUT', `the statement took longer than ${limits.statementMsMax} ms`)
    case 'memory':
      return new OperationError('DB_TOO_LARGE', 'the statement needs too much memory')
    case 'ended':
      return new OperationError(
        'DB_TRANSACTION',
        'the connection was lost, and what was not committed with it',
      )
  }
}
