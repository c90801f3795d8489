import type { Change, ChangeOptions, ChangeResult, Engine } from '@castellan/engine'

/** What the server asks of the engine: questions only. */
export type Questions = Omit<Engine, 'apply' | 'stage'>

/** The one way in which the server changes anything; resolves when it is durable. */
export interface Changer {
  change(
    changes: readonly Change[],
    options?: Omit<ChangeOptions, 'changedAt'>,
  ): Promise<{ readonly revision: number; readonly results: readonly ChangeResult[] }>
}

/** What the server needs of `@castellan/store`'s `openLive`. */
export interface Live extends Changer {
  readonly engine: Questions
}
