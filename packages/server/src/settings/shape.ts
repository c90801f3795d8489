import { z } from 'zod'
import { SETTING_NAMES, SETTINGS, type Setting, type SettingName, type Settings } from './list.ts'

/** `settings/castellan.json`. Every key has a default, so `{}` is a whole file. */
export const settingsShape = z.strictObject({
  $schema: z.string().optional().describe('where this schema lies, for editors'),
  ...(Object.fromEntries(
    SETTING_NAMES.map((name) => [name, shapeOf(SETTINGS[name]).describe(SETTINGS[name].doc)]),
  ) as { readonly [Name in SettingName]: z.ZodDefault<z.ZodType<Settings[Name]>> }),
})

function shapeOf(setting: Setting): z.ZodDefault {
  switch (setting.kind) {
    case 'text':
      return (setting.mayBeEmpty ? z.string() : z.string().min(1)).default(setting.default)
    case 'whole':
      return z.int().min(setting.min).max(setting.max).default(setting.default)
    case 'number':
      return z.number().min(setting.min).max(setting.max).default(setting.default)
    case 'choice':
      return z.enum(setting.values).default(setting.default)
    case 'switch':
      return z.boolean().default(setting.default)
  }
}

/** The JSON Schema of the file, for editors. `settings.schema.json` of this package holds it as text. */
export function settingsSchema(): object {
  return {
    ...z.toJSONSchema(settingsShape, { io: 'input' }),
    $id: 'urn:castellan:settings',
    title: 'Settings of a Castellan platform: settings/castellan.json',
  }
}
