import type { Operation } from '../broker/operation.ts'
import { openCache } from './cache/operations.ts'
import { openDatabases } from './db/operations.ts'
import { fsOperations } from './fs/operations.ts'
import { httpOperations } from './httpclient/operations.ts'
import type { EgressPolicy } from './httpclient/policy.ts'
import { libraryOperations } from './library/operations.ts'
import { platformOperations, type Platform } from './platform/operations.ts'
import { openRenderers } from './render/operations.ts'

export interface Modules {
  /** All that an app can ask for, each by its name. */
  readonly operations: readonly Operation[]
  /** Ends what is open for an app, so that its folders may be moved or removed. It opens again by itself. */
  release(appId: string): Promise<void>
  /** Forgets an app that is deleted, what it kept in the cache too. */
  forget(appId: string): Promise<void>
  close(): Promise<void>
}

export interface ModulesOptions {
  /** Where requests of apps may go. Default: the public Internet alone. */
  readonly egress?: EgressPolicy
  /** How apps are managed. Default: they are not. */
  readonly platform?: Platform
}

export function openModules({ egress, platform }: ModulesOptions = {}): Modules {
  const cache = openCache(() => performance.now())
  const databases = openDatabases()
  const renderers = openRenderers()
  return {
    operations: [
      ...fsOperations(),
      ...httpOperations(egress === undefined ? {} : { policy: egress }),
      ...libraryOperations(),
      ...cache.operations,
      ...databases.operations,
      ...platformOperations(platform),
      ...renderers.operations,
    ],
    release: async (appId) => {
      await Promise.all([databases.release(appId), renderers.release(appId)])
    },
    forget: async (appId) => {
      cache.release(appId)
      await Promise.all([databases.release(appId), renderers.release(appId)])
    },
    close: async () => {
      await Promise.all([databases.close(), renderers.close()])
    },
  }
}
