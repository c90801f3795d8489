/**
 * JSON with sorted keys and nothing between the tokens, so that equal values have equal texts.
 *
 * @see RFC 8785, JSON Canonicalization Scheme: `JSON.stringify` writes numbers and texts as it asks, and the default
 * order of `sort` is its order of keys. A property that is undefined is absent, as everywhere in JSON.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  let text = ''
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === '' ? '' : ','}${canonicalJson(item)}`
    return `[${text}]`
  }
  const object = value as Readonly<Record<string, unknown>>
  for (const key of inOrder(Object.keys(object))) {
    const member = object[key]
    if (member === undefined) continue
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`
  }
  return `{${text}}`
}

/** Facts have few fields, which are in order sooner by hand. */
function inOrder(keys: string[]): string[] {
  if (keys.length > 10) return keys.sort()
  for (let next = 1; next < keys.length; next++) {
    const key = keys[next]!
    let at = next
    for (; at > 0 && keys[at - 1]! > key; at--) keys[at] = keys[at - 1]!
    keys[at] = key
  }
  return keys
}
