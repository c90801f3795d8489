/**
 * A permission out of its components, each of them data: a `:` or `\` in one is escaped. Whoever puts an id from a
 * request into a template instead lets the caller choose the components.
 *
 * @throws {TypeError} without a component, or where one is no string or empty
 */
export function printPermission(components: readonly string[]): string {
  if (components.length === 0 || !components.every(isName))
    throw new TypeError('a permission is made of components that are not empty')
  return components.map(encodeComponent).join(':')
}

function encodeComponent(component: string): string {
  return component.replaceAll('\\', String.raw`\\`).replaceAll(':', String.raw`\C`)
}

/** An actor, a permission or a component, so far as can be said without the server. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
