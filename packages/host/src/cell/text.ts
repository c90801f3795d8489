/** A value of an app as the text that JavaScript makes of it: what an object says of itself is what its author meant. */
export function toText(value: unknown): string {
  return String(value)
}
