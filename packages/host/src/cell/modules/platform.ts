import type { CellModule, ModuleContext } from '../module.ts'
import { asBytes, asText, fieldOf } from './values.ts'

/** Managing other apps. The host asks for the acting administrator's right at each call, besides the key. */
export const platformModule: CellModule = { name: 'platform', key: 'platform', make: makePlatform }

function makePlatform(context: ModuleContext): object {
  const nameOf = (app: unknown): { app: string } => ({ app: asText(app, 'the name of the app') })
  // Those that are documented to answer at once do.
  const now = (op: string) => (app: unknown) => context.callSync(op, nameOf(app)).value
  const packed = (op: string) => async (app: unknown, bytes: unknown, permissions?: unknown) =>
    (
      await context.call(op, { ...nameOf(app), granted: keysOf(permissions) }, [
        asBytes(bytes, 'the package'),
      ])
    ).value
  const granting = (op: string) => async (app: unknown, permissions?: unknown) =>
    (await context.call(op, { ...nameOf(app), granted: keysOf(permissions) })).value
  return {
    listApps: () => context.callSync('platform.list', {}).value,
    installApp: packed('platform.install'),
    upgradeApp: packed('platform.upgrade'),
    rollbackApp: granting('platform.rollback'),
    deleteApp: now('platform.delete'),
    reloadApp: now('platform.reload'),
    packageApp: async (app: unknown) =>
      context.Buffer.from((await context.call('platform.package', nameOf(app))).blobs[0] ?? []),
    listBackups: now('platform.listBackups'),
    getAppPermissions: async (app: unknown) =>
      (await context.call('platform.getPermissions', nameOf(app))).value,
    setAppPermissions: granting('platform.setPermissions'),
  }
}

/** A list, or an object that holds one as `granted`. */
function keysOf(permissions: unknown): readonly string[] {
  const list = Array.isArray(permissions) ? (permissions as unknown[]) : fieldOf(permissions, 'granted')
  if (!Array.isArray(list)) throw new TypeError('the permissions must be a list of keys')
  return list.map((key) => asText(key, 'a key'))
}
