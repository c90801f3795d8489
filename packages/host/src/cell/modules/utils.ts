import type { CellModule } from '../module.ts'
import { asText, fieldOf } from './values.ts'

/** Small things that apps do often. Chance here is for play; `crypto` has the one for secrets. */
export const utilsModule: CellModule = {
  name: 'utils',
  key: undefined,
  make: () => ({ string, validate, misc, rnd }),
}

const TRUNCATED = '...'

const string = {
  capitalize(text: unknown): string {
    const given = asText(text, 'the text')
    return given.charAt(0).toUpperCase() + given.slice(1)
  },
  slugify: (text: unknown): string =>
    asText(text, 'the text')
      .normalize('NFKD')
      .toLowerCase()
      .replaceAll(/[^a-z0-9\s_-]/g, '')
      .replaceAll(/[\s_-]+/g, '-')
      .replace(/^-/, '')
      .replace(/-$/, ''),
  /** @param length - of what is kept, without what is put after it */
  truncate(text: unknown, length: unknown, suffix: unknown = TRUNCATED): string {
    const given = asText(text, 'the text')
    const kept = asNumber(length, 'the length')
    return given.length <= kept ? given : `${given.slice(0, Math.max(0, kept)).trimEnd()}${String(suffix)}`
  },
  stripHtml: (text: unknown): string => asText(text, 'the text').replaceAll(/<[^<>]*>/g, ''),
}

const validate = {
  isEmail: (value: unknown): boolean =>
    typeof value === 'string' && value.length <= 254 && /^[^\s@]{1,64}@[^\s@.]+(?:\.[^\s@.]+)+$/.test(value),
  isUrl: (value: unknown): boolean =>
    typeof value === 'string' &&
    URL.canParse(value) &&
    ['http:', 'https:', 'ftp:'].includes(new URL(value).protocol),
  isEmpty(value: unknown): boolean {
    if (value === undefined || value === null) return true
    if (typeof value === 'string') return value.trim() === ''
    if (value instanceof Map || value instanceof Set) return value.size === 0
    return typeof value === 'object' && Object.keys(value).length === 0
  },
  isPhoneNumber: (value: unknown): boolean =>
    typeof value === 'string' &&
    /^\+?[\d\s().-]{7,32}$/.test(value) &&
    value.replaceAll(/\D/g, '').length >= 7 &&
    value.replaceAll(/\D/g, '').length <= 15,
  isInteger: (value: unknown): boolean => Number.isInteger(value),
  isInRange: (value: unknown, min: unknown, max: unknown): boolean =>
    typeof value === 'number' && value >= Number(min) && value <= Number(max),
  hasLength(value: unknown, options: unknown): boolean {
    if (typeof value !== 'string' && !Array.isArray(value)) return false
    const { length } = value
    const [exact, min, max] = ['exact', 'min', 'max'].map((name) => fieldOf(options, name))
    if (typeof exact === 'number') return length === exact
    return (typeof min !== 'number' || length >= min) && (typeof max !== 'number' || length <= max)
  },
  isAlphanumeric: (value: unknown): boolean => typeof value === 'string' && /^[a-z0-9]+$/i.test(value),
  isIn: (value: unknown, list: unknown): boolean => Array.isArray(list) && list.includes(value),
}

const misc = {
  clamp: (value: unknown, min: unknown, max: unknown): number =>
    Math.min(Math.max(asNumber(value, 'the value'), asNumber(min, 'the least')), asNumber(max, 'the most')),
  groupBy(list: unknown, by: unknown): Record<string, unknown[]> {
    const groups = new Map<string, unknown[]>()
    for (const item of asList(list)) {
      const key = String(
        typeof by === 'function' ? (by as (item: unknown) => unknown)(item) : fieldOf(item, String(by)),
      )
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [item])
      else group.push(item)
    }
    // Made at once, so that a group called `__proto__` is one like any other.
    return Object.fromEntries(groups)
  },
}

const STRING_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

const rnd = {
  int: (max: unknown): number => Math.floor(Math.random() * asPositive(max)),
  float: (max: unknown): number => Math.random() * asPositive(max),
  intInRange(min: unknown, max: unknown): number {
    const [from, to] = asRange(min, max)
    return Math.floor(Math.random() * (Math.floor(to) - Math.ceil(from) + 1)) + Math.ceil(from)
  },
  floatInRange(min: unknown, max: unknown): number {
    const [from, to] = asRange(min, max)
    return Math.random() * (to - from) + from
  },
  bool: (): boolean => Math.random() < 0.5,
  choice(list: unknown): unknown {
    const given = asList(list)
    return given[Math.floor(Math.random() * given.length)]
  },
  shuffle(list: unknown): unknown[] {
    const given = asList(list)
    for (let at = given.length - 1; at > 0; at -= 1) {
      const other = Math.floor(Math.random() * (at + 1))
      ;[given[at], given[other]] = [given[other], given[at]]
    }
    return given
  },
  color: (): string =>
    `#${Math.floor(Math.random() * 0x1_00_00_00)
      .toString(16)
      .padStart(6, '0')}`,
  string(length: unknown): string {
    const count = asPositive(length)
    if (count > 65_536) throw new RangeError('65536 characters are the most')
    return Array.from({ length: count }, () => rnd.choice(STRING_CHARACTERS.split(''))).join('')
  },
}

function asNumber(value: unknown, what: string): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw new TypeError(`${what} must be a number`)
  return value
}

function asPositive(value: unknown): number {
  if (asNumber(value, 'the bound') <= 0) throw new RangeError('the bound must be positive')
  return value as number
}

function asRange(min: unknown, max: unknown): [number, number] {
  const range: [number, number] = [asNumber(min, 'the least'), asNumber(max, 'the most')]
  if (range[0] > range[1]) throw new RangeError('the least is more than the most')
  return range
}

function asList(list: unknown): unknown[] {
  if (!Array.isArray(list)) throw new TypeError('a list is needed')
  return list
}
