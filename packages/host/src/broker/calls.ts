import type { Claims } from '@castellan/engine'
import type { CallError } from '../messages.ts'
import type { AppHandle } from './app-handle.ts'
import { type Answer, type CallingCell, type Operation, OperationError } from './operation.ts'

/** What the host asks before it acts for an app. */
interface ClaimsSource {
  claims(actor: string, permission: string): Pick<Claims, 'pathways'>
}

/** Carries out what cells ask for, or says why not. It knows no cell: who calls is told by whose pipe was read. */
export interface Calls {
  answer(call: CallHeard): Promise<CallAnswer>
}

interface CallHeard {
  readonly app: AppHandle
  readonly op: string
  readonly args: unknown
  readonly blobs: readonly Uint8Array[]
  readonly signal: AbortSignal
  readonly cell: CallingCell
}

export type CallAnswer =
  | { readonly ok: Answer }
  /** `isStrike`: no module of ours would have asked that. */
  | { readonly error: CallError; readonly isStrike: boolean }

export interface CallsOptions {
  readonly engine: ClaimsSource
  readonly operations: readonly Operation[]
  /** For the journal. */
  readonly denied: (app: string, permission: string, op: string) => void
  /** Told what an operation threw and no app may know. */
  readonly failed: (app: string, op: string, error: unknown) => void
}

export function makeCalls({ engine, operations, denied, failed }: CallsOptions): Calls {
  const table = new Map(operations.map((operation) => [operation.op, operation]))

  const answer: Calls['answer'] = async ({ app, op, args, blobs, signal, cell }) => {
    const operation = table.get(op)
    if (operation === undefined) {
      // Like what was not granted, so that nobody learns what there is by asking.
      const permission = `module:${op.split('.', 1)[0]}`
      denied(app.id, permission, op)
      return { error: notGranted(app.id, permission), isStrike: true }
    }
    const { key, shape } = operation
    const claims = key === undefined ? [] : engine.claims(`app:${app.id}`, `module:${key}`).pathways
    if (key !== undefined && claims.length === 0) {
      denied(app.id, `module:${key}`, op)
      return { error: notGranted(app.id, `module:${key}`), isStrike: false }
    }
    const parsed = shape.safeParse(args)
    if (!parsed.success) return { error: argumentInvalid(op, parsed.error), isStrike: false }
    return { ok: await operation.run({ args: parsed.data, blobs, app, claims, signal, cell }) }
  }

  return {
    answer: async (call) => {
      try {
        return await answer(call)
      } catch (error) {
        if (error instanceof OperationError)
          return { error: { code: error.code, message: error.message }, isStrike: false }
        failed(call.app.id, call.op, error)
        return { error: { code: 'CALL_FAILED', message: `\`${call.op}\` failed` }, isStrike: false }
      }
    },
  }
}

function notGranted(app: string, permission: string): CallError {
  const key = permission.slice('module:'.length)
  return {
    code: 'MODULE_NOT_GRANTED',
    permission,
    message: `app \`${app}\` was not granted \`${permission}\`: an administrator can grant it under Apps › ${app} › Permissions, or with \`castellan app grant ${app} ${key}\``,
  }
}

function argumentInvalid(
  op: string,
  { issues }: { issues: readonly { path: PropertyKey[]; message: string }[] },
): CallError {
  const [first] = issues
  const where =
    first === undefined || first.path.length === 0 ? '' : ` at \`${first.path.map(String).join('.')}\``
  return {
    code: 'ARGUMENT_INVALID',
    message: `\`${op}\` cannot be called like that${where}: ${first?.message ?? ''}`,
  }
}
