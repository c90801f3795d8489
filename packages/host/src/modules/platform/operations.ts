import { z } from 'zod'
import { OperationError, type Answer, type Call, type Operation } from '../../broker/operation.ts'
import { isKey } from '../../keys.ts'
import { operation } from '../operation.ts'

/** What an app asked to be done with apps. Whether it may is for {@link Platform}: the key alone is not enough. */
type PlatformCommand = { readonly app: string } & (
  | { readonly do: 'delete' | 'reload' | 'package' | 'listBackups' | 'getPermissions' }
  | { readonly do: 'install' | 'upgrade'; readonly granted: readonly string[] }
  | { readonly do: 'rollback' | 'setPermissions'; readonly granted: readonly string[] }
)

/** How apps are managed, behind the same doors as for people. */
export interface Platform {
  /** @returns names of apps that the caller may know of */
  list(by: Call<unknown>): Promise<readonly string[]>
  /**
   * Checks the acting administrator's own right for this command on this app, then carries it out.
   *
   * @param packed - the package, with `install` and `upgrade`
   * @throws {OperationError} what the app may know
   */
  act(command: PlatformCommand, packed: Uint8Array | undefined, by: Call<unknown>): Promise<Answer>
}

const app = z.string().min(1).max(128)
const granted = z.array(z.string().refine(isKey, 'no such key')).max(64)
const one = z.strictObject({ app })
const withGranted = z.strictObject({ app, granted })

/** @param platform - undefined where no apps are managed: every call is then refused */
export function platformOperations(platform: Platform | undefined): readonly Operation[] {
  function get(): Platform {
    if (platform === undefined) throw new OperationError('PLATFORM_UNAVAILABLE', 'apps are not managed here')
    return platform
  }

  const plain = (['delete', 'reload', 'package', 'listBackups', 'getPermissions'] as const).map((verb) =>
    operation({
      op: `platform.${verb}`,
      key: 'platform',
      shape: one,
      run: async (call: Call<z.infer<typeof one>>) =>
        get().act({ do: verb, app: call.args.app }, undefined, call),
    }),
  )
  const granting = (['install', 'upgrade', 'rollback', 'setPermissions'] as const).map((verb) =>
    operation({
      op: `platform.${verb}`,
      key: 'platform',
      shape: withGranted,
      run: async (call: Call<z.infer<typeof withGranted>>) => {
        const isPacked = verb === 'install' || verb === 'upgrade'
        if (isPacked && call.blobs[0] === undefined)
          throw new OperationError('ARGUMENTS', 'the package is missing')
        return get().act({ do: verb, ...call.args }, isPacked ? call.blobs[0] : undefined, call)
      },
    }),
  )
  return [
    operation({
      op: 'platform.list',
      key: 'platform',
      shape: z.strictObject({}),
      run: async (call: Call<object>) => ({ value: await get().list(call) }),
    }),
    ...plain,
    ...granting,
  ]
}
