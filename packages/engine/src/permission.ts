import { PermissionInvalidError } from './errors.ts'
import { LIMITS } from './limits.ts'

/**
 * Permission strings. The encoding is one-to-one, so a valid text is its own canonical form and strings can be
 * compared, sliced at `:` and looked up as they are; decoded components are needed only by path rewriters and people.
 */

/** Where a text goes wrong, found without throwing. */
interface Flaw {
  readonly position: number
  readonly problem: string
}

// oxlint-disable-next-line no-control-regex -- control characters are what is being looked for
const SUSPECT = /[\\\u0000-\u001f\u007f-\u009f\ud800-\udfff]|::|^:|:$|^$/

/**
 * Checks a canonical string: escapes, characters, and the limits that hold after rewriting.
 *
 * @throws {PermissionInvalidError} with the position
 */
export function validatePermission(text: string): void {
  // At 63 units no limit can be broken, so one look for unusual characters settles nearly every string.
  if (text.length <= 63 && !SUSPECT.test(text)) return
  const flaw = findFlaw(text) ?? findExcess(text)
  if (flaw !== undefined) throw new PermissionInvalidError(text, flaw.position, flaw.problem)
}

/** The same without the limits, for a text that rewriters have yet to shorten. */
export function validateUnrewritten(text: string): void {
  const flaw =
    text.length > LIMITS.permissionTextMax
      ? { position: LIMITS.permissionTextMax, problem: `it is longer than ${LIMITS.permissionTextMax}` }
      : findFlaw(text)
  if (flaw !== undefined) throw new PermissionInvalidError(text, flaw.position, flaw.problem)
}

function findFlaw(text: string): Flaw | undefined {
  let start = 0
  for (let at = 0; at <= text.length; at++) {
    const code = at < text.length ? text.charCodeAt(at) : COLON
    if (code === COLON) {
      if (at === start) return { position: at, problem: 'a component is empty' }
      start = at + 1
    } else if (code === BACKSLASH) {
      const next = text.charCodeAt(at + 1)
      if (next !== BACKSLASH && next !== CAPITAL_C)
        return { position: at, problem: 'only `\\C` and `\\\\` are escapes' }
      at++
    } else if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) {
      return { position: at, problem: 'a control character' }
    } else if (code >= 0xd800 && code <= 0xdfff) {
      const next = text.charCodeAt(at + 1)
      if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff))
        return { position: at, problem: 'a lone surrogate' }
      at++
    }
  }
  return undefined
}

function findExcess(text: string): Flaw | undefined {
  let at = 0
  let bytes = -1
  const encoded = text.split(':')
  for (const [i, part] of encoded.entries()) {
    if (i === LIMITS.componentsMax)
      return { position: at, problem: `it has more than ${LIMITS.componentsMax} components` }
    const characters = countCodePoints(decodeComponent(part))
    if (characters > LIMITS.componentCharactersMax)
      return {
        position: at,
        problem: `a component has more than ${LIMITS.componentCharactersMax} characters`,
      }
    bytes += 1 + utf8Length(part)
    if (bytes > LIMITS.permissionBytesMax)
      return { position: at, problem: `it is longer than ${LIMITS.permissionBytesMax} bytes of UTF-8` }
    at += part.length + 1
  }
  return undefined
}

const COLON = 0x3a
const BACKSLASH = 0x5c
const CAPITAL_C = 0x43

/** `\C` is `:` and `\\` is `\`; the component must be valid. */
export function decodeComponent(encoded: string): string {
  return encoded.includes('\\') ? encoded.replace(/\\([\\C])/g, (_, c) => (c === 'C' ? ':' : '\\')) : encoded
}

export function encodeComponent(decoded: string): string {
  return /[\\:]/.test(decoded) ? decoded.replace(/[\\:]/g, (c) => (c === ':' ? '\\C' : '\\\\')) : decoded
}

/**
 * Parses a permission string into its decoded components.
 *
 * @throws {PermissionInvalidError}
 */
export function parsePermission(text: string): string[] {
  validatePermission(text)
  return text.split(':').map(decodeComponent)
}

/** The canonical string of decoded components; parsing it gives them back. @throws {PermissionInvalidError} */
export function printPermission(components: readonly string[]): string {
  const text = components.map(encodeComponent).join(':')
  validatePermission(text)
  return text
}

/** The namespace is the first component, which no catalog lets contain an escape. */
export function namespaceOf(permission: string): string {
  const colon = permission.indexOf(':')
  return colon < 0 ? permission : permission.slice(0, colon)
}

/** Is `permission` the `root` itself or beneath it. */
export function isAtOrBeneath(permission: string, root: string): boolean {
  return (
    permission.startsWith(root) &&
    (permission.length === root.length || permission.charCodeAt(root.length) === COLON)
  )
}

/** `manage:` in front, as often as it stands there, and what follows the last. */
export function splitManage(permission: string): { readonly depth: number; readonly rest: string } {
  let depth = 0
  let rest = permission
  while (rest.startsWith('manage:')) {
    depth++
    rest = rest.slice(7)
  }
  return { depth, rest }
}

/** Orders by code point. UTF-16 units alone would put astral characters before U+E000 to U+FFFF. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1
  }
  return a.length - b.length
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}

export function countCodePoints(text: string): number {
  let pairs = 0
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xd800) pairs++
  return text.length - pairs
}

export function utf8Length(text: string): number {
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // Each half of a surrogate pair counts two: four bytes together.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || isSurrogate(unit) ? 2 : 3
  }
  return bytes
}
