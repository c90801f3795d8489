import { OperationError } from '../../broker/operation.ts'

export type Dialect = 'sqlite' | 'postgres' | 'mysql'

export interface Prepared {
  readonly sql: string
  /** For each place in the statement, which of the parameters goes there. For SQLite, when `names` is set, by name. */
  readonly order: readonly number[]
  readonly names: readonly string[] | undefined
}

/** What a statement is made of, as far as it matters to its parameters: the rest is left as it is. */
interface Piece {
  readonly kind: 'text' | 'numbered' | 'question'
  readonly text: string
}

/**
 * Puts the parameters of a statement as its database wants them. Apps write `$1` or `?`, whichever database they have.
 * No value ever becomes part of the text, so that nothing depends on how well this reads SQL.
 *
 * @throws {OperationError} DB_PARAMETERS when it names a parameter that was not given
 */
export function prepare(dialect: Dialect, sql: string, count: number): Prepared {
  const pieces = takeApart(dialect, sql)
  const numbers = pieces.filter(({ kind }) => kind === 'numbered').map(({ text }) => Number(text.slice(1)))
  const questions = pieces.filter(({ kind }) => kind === 'question').length
  if (numbers.length > 0) {
    const wrong = numbers.find((number) => number < 1 || number > count)
    if (wrong !== undefined)
      throw new OperationError('DB_PARAMETERS', `the statement has a \`$${wrong}\`, and ${count} parameters`)
    if (dialect === 'postgres') return { sql, order: sequence(count), names: undefined }
    const order = numbers.map((number) => number - 1)
    if (dialect === 'sqlite') return { sql, order, names: numbers.map((number) => `$${number}`) }
    return {
      sql: pieces.map(({ kind, text }) => (kind === 'numbered' ? '?' : text)).join(''),
      order,
      names: undefined,
    }
  }
  if (dialect === 'postgres') {
    // `?` is an operator there. It is a parameter only where there are just as many of both.
    if (questions === 0 || questions !== count) return { sql, order: sequence(count), names: undefined }
    let number = 0
    const numbered = pieces
      .map(({ kind, text }) => (kind === 'question' ? `$${(number += 1)}` : text))
      .join('')
    return { sql: numbered, order: sequence(count), names: undefined }
  }
  if (questions !== count)
    throw new OperationError(
      'DB_PARAMETERS',
      `the statement takes ${questions} parameters, and ${count} were given`,
    )
  return { sql, order: sequence(count), names: undefined }
}

function sequence(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index)
}

/** In which nothing is a parameter: text, names and comments, in each dialect's ways of writing them. */
const OPAQUE: Readonly<Record<Dialect, string>> = {
  sqlite: String.raw`'(?:[^']|'')*'?|"(?:[^"]|"")*"?|\`(?:[^\`]|\`\`)*\`?|\[[^\]]*\]?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)`,
  mysql: String.raw`'(?:[^'\\]|\\[\s\S]|'')*'?|"(?:[^"\\]|\\[\s\S]|"")*"?|\`(?:[^\`]|\`\`)*\`?|#[^\n]*|--(?=\s|$)[^\n]*|\/\*[\s\S]*?(?:\*\/|$)`,
  postgres: String.raw`(?<![\w$])[eE]'(?:[^'\\]|\\[\s\S]|'')*'?|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|(?<![\w$])\$(?<tag>[A-Za-z_]\w*)?\$[\s\S]*?(?:\$\k<tag>\$|$)`,
}

function takeApart(dialect: Dialect, sql: string): Piece[] {
  const pieces: Piece[] = []
  const pattern = new RegExp(
    `(?<opaque>${OPAQUE[dialect]})|(?<numbered>(?<![\\w$])\\$\\d+)|(?<question>\\?)`,
    'g',
  )
  let end = 0
  for (const match of sql.matchAll(pattern)) {
    if (match.groups?.['opaque'] !== undefined) continue
    if (match.index > end) pieces.push({ kind: 'text', text: sql.slice(end, match.index) })
    pieces.push({ kind: match.groups?.['numbered'] === undefined ? 'question' : 'numbered', text: match[0] })
    end = match.index + match[0].length
  }
  pieces.push({ kind: 'text', text: sql.slice(end) })
  return pieces
}
