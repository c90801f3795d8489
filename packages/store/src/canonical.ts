/**
 * JSON with sorted keys and nothing between the tokens, so that equal values have equal texts.
 *
 * @see RFC 8785, JSON Canonicalization Scheme: `JSON.stringify` writes numbers and texts as it asks, and the default
 * order of `sort` is its order of keys. A property that is undefined is absent, as everywhere in JSON.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const object = value as Readonly<Record<string, unknown>>
  let text = ''
  for (const key of Object.keys(object).sort()) {
    const member = object[key]
    if (member === undefined) continue
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`
  }
  return `{${text}}`
}
