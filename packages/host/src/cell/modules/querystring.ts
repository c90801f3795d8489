import { parse, stringify, type ParsedUrlQueryInput } from 'node:querystring'
import type { CellModule } from '../module.ts'
import { asText } from './values.ts'

const KEYS_MAX = 1_000

export const querystringModule: CellModule = {
  name: 'querystring',
  key: undefined,
  make: () => {
    const read = (text: unknown, separator?: unknown, equals?: unknown): object =>
      parse(asText(text, 'the text'), textOr(separator), textOr(equals), { maxKeys: KEYS_MAX })
    const print = (values: unknown, separator?: unknown, equals?: unknown): string =>
      stringify((values ?? {}) as ParsedUrlQueryInput, textOr(separator), textOr(equals))
    return {
      parse: read,
      decode: read,
      stringify: print,
      encode: print,
      escape: (text: unknown) => encodeURIComponent(String(text)),
      unescape: (text: unknown) => decodeURIComponent(String(text)),
    }
  },
}

function textOr(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
