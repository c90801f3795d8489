import { evadeCensorSync } from '@endo/evasive-transform'
import { transform } from 'sucrase'
import { PackageInvalidError } from '../errors.ts'
import { placeOf } from './place.ts'
import type { PackageFiles } from './unpack.ts'

/** Largest script, in bytes: rewriting takes the host's time. */
const SCRIPT_BYTES_MAX = 8 * 1024 * 1024

/**
 * Rewrites the scripts of a box as a cell evaluates them: modules become CommonJS, and what a compartment refuses to
 * read although it means nothing, as `import(` in a comment, is spelled otherwise.
 *
 * @returns paths in the box, each with its source; JSON files are among them, since scripts require them
 * @throws {PackageInvalidError} with line and column, for what is no JavaScript
 */
export function rewriteSources(files: PackageFiles): ReadonlyMap<string, string> {
  const sources = new Map<string, string>()
  for (const [path, bytes] of files) {
    const [, inBox] = /^box\/(.+\.(?:js|cjs|mjs|json))$/u.exec(path) ?? []
    if (inBox === undefined) continue
    const text = textOf(path, bytes)
    sources.set(inBox, inBox.endsWith('.json') ? text : rewrite(path, text))
  }
  return sources
}

/** What is refused when it is evaluated, found before: file, place and what to do, one sentence each. */
export function findRefused(sources: ReadonlyMap<string, string>): readonly string[] {
  const notices: string[] = []
  for (const [path, source] of sources)
    if (!path.endsWith('.json'))
      for (const { pattern, what } of REFUSED) {
        const at = source.search(pattern)
        if (at >= 0) notices.push(`\`box/${path}\` at ${placeOf(source, at)}: ${what}`)
      }
  return notices
}

/** As SES looks for them in the text it is given. */
const REFUSED = [
  { pattern: /(?<![.\w$])import\s*\(/u, what: '`import()` is not there: use `require`' },
  { pattern: /<!--|-->/u, what: 'it has what looks like an HTML comment: write it otherwise' },
  { pattern: /(?<![.\w$])eval\s*\(/u, what: 'a direct `eval` is refused: leave it out' },
]

function rewrite(path: string, text: string): string {
  try {
    const source = isModule(text) ? toCommonJs(path, text) : text
    return evade(source, { sourceType: 'script', sourceUrl: path }).code
  } catch (error) {
    if (error instanceof PackageInvalidError) throw error
    const { line, column } = placeIn(error)
    throw new PackageInvalidError(
      path,
      line === undefined ? '' : `${line}:${(column ?? 0) + 1}`,
      `it is no JavaScript as we read it: ${messageOf(error)}`,
      'mend the script',
    )
  }
}

// Its types know no result without a map.
const evade = evadeCensorSync as unknown as (
  source: string,
  options: { readonly sourceType: 'script'; readonly sourceUrl: string },
) => { readonly code: string }

/** Looked for in text, so it may be wrong in a comment: what is CommonJS already comes out of it as it was. */
function isModule(text: string): boolean {
  return /(?:^|[;}\n\r])\s*(?:export\s*(?:\{|\*|default\b|const\b|let\b|var\b|class\b|function\b|async\b)|import\s*(?:["'{*]|[\w$]+\s*(?:,|from\b)))/u.test(
    text,
  )
}

function toCommonJs(path: string, text: string): string {
  return transform(text, {
    transforms: ['imports'],
    filePath: path,
    production: true,
    disableESTransforms: true,
  }).code
}

function textOf(path: string, bytes: Uint8Array): string {
  if (bytes.length > SCRIPT_BYTES_MAX)
    throw new PackageInvalidError(path, '', `it is larger than ${SCRIPT_BYTES_MAX} bytes`, 'split it')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new PackageInvalidError(path, '', 'it is not UTF-8', 'save it as UTF-8')
  }
}

function placeIn(error: unknown): { readonly line?: number; readonly column?: number } {
  const { loc } = error as { readonly loc?: { readonly line?: number; readonly column?: number } }
  return loc ?? {}
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 200)
}
