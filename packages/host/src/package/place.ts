/** Where in a text, as `12:4`: its line and column, from 1. @param at - in UTF-16 units, from 0 */
export function placeOf(text: string, at: number): string {
  const lines = text.slice(0, at).split('\n')
  return `${lines.length}:${lines.at(-1)!.length + 1}`
}
