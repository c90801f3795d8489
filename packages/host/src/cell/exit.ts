/**
 * Ends the process at once. Not `process.exit`: that runs handlers, and looks at files that a cell cannot see any more.
 * Node has had this always, and its types have not.
 */
export function exit(code: number): never {
  return (process as unknown as { reallyExit(code: number): never }).reallyExit(code)
}
