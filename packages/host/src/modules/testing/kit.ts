import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after } from 'node:test'
import type { JsonObject } from '@castellan/engine'
import type { AppHandle } from '../../broker/app-handle.ts'
import { LIMIT_DEFAULTS } from '../../limits.ts'
import { OperationError, type Answer, type CallingCell, type Operation } from '../../broker/operation.ts'
import type { BufferShim, CellModule, ModuleContext } from '../../cell/module.ts'

/** An app on the disk, with these files in its package, as in `box/app.json`. Gone after the tests of the file. */
export function makeApp(id: string, files: Readonly<Record<string, string | Uint8Array>> = {}): AppHandle {
  const root = mkdtempSync(join(tmpdir(), 'castellan-app-'))
  after(() => rmSync(root, { recursive: true, force: true }))
  const app = {
    id,
    packageFolder: join(root, 'package'),
    dataFolder: join(root, 'data'),
    databases: new Map(),
    limits: LIMIT_DEFAULTS,
  }
  mkdirSync(join(app.packageFolder, 'box'), { recursive: true })
  mkdirSync(app.dataFolder)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(app.packageFolder, path)), { recursive: true })
    writeFileSync(join(app.packageFolder, path), content)
  }
  return app
}

export interface CallerOptions {
  readonly claims?: readonly (readonly JsonObject[])[]
  readonly cell?: CallingCell
  readonly signal?: AbortSignal
}

export type Caller = (op: string, args: unknown, blobs?: readonly Uint8Array[]) => Promise<Answer>

/** Calls operations as the broker does: by name, with what their shape returned. */
export function callerOf(
  operations: readonly Operation[],
  app: AppHandle,
  {
    claims = [[]],
    cell = { ended: new AbortController().signal },
    signal = new AbortController().signal,
  }: CallerOptions = {},
): Caller {
  return async (op, args, blobs = []) => {
    const found = operations.find((operation) => operation.op === op)
    if (found === undefined) throw new Error(`there is no operation ${op}`)
    const checked = found.shape.safeParse(JSON.parse(JSON.stringify(args)))
    if (!checked.success) throw new OperationError('ARGUMENTS', checked.error.message)
    const answer = await found.run({ args: checked.data, blobs, app, claims, signal, cell })
    return { ...answer, value: JSON.parse(JSON.stringify(answer.value ?? null)) }
  }
}

/** A module as an app has it, without the process in between. Synchronous calls need that process, and are not here. */
// The test says what it knows the module to be.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function moduleOf<T>(module: CellModule, call: Caller, given: Partial<ModuleContext> = {}): T {
  const context: ModuleContext = {
    call: async (op, args, blobs) => {
      const { value, blobs: answered } = await call(op, args, blobs)
      return { value, blobs: answered ?? [] }
    },
    callSync: () => {
      throw new Error('a synchronous call needs a cell')
    },
    app: { id: 'app' },
    jwtSecret: undefined,
    Buffer: Buffer as unknown as BufferShim,
    folder: '',
    library: (name) => {
      throw new Error(`no library ${name} here`)
    },
    ...given,
  }
  return module.make(context) as T
}

export function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Error && 'code' in error && error.code === code
}
