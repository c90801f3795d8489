/** A fenced block of a page. */
export interface Block {
  /** First word after the fence. */
  readonly language: string
  /** `title=…` after it: the file that a reader is told to save it as. */
  readonly title: string | undefined
  readonly text: string
  /** Of the fence, from 1. */
  readonly line: number
  /** Where `text` stands in the page. */
  readonly start: number
  /** Why it is not run, as the line above it tells the reader. */
  readonly notRun: string | undefined
}

const FENCE = /^```(?<language>\w*)(?: +title=(?<title>\S+))? *$/
const NOT_RUN = /^\*Not run: (?<reason>.+)\*$/

/** @throws on a fence that is indented, of no known form, or never closed: a block that nobody runs */
export function findBlocks(page: string): Block[] {
  const lines = page.split('\n')
  const blocks: Block[] = []
  let offset = 0
  let open: { language: string; title: string | undefined; line: number; start: number } | undefined
  for (const [index, line] of lines.entries()) {
    const next = offset + line.length + 1
    if (open === undefined && line.trimStart().startsWith('```')) {
      const { language, title } = FENCE.exec(line)?.groups ?? {}
      if (language === undefined) throw new Error(`line ${index + 1}: a fence of no known form: ${line}`)
      open = { language, title, line: index + 1, start: next }
    } else if (open !== undefined && line === '```') {
      const text = page.slice(open.start, offset)
      blocks.push({ ...open, text, notRun: reasonAbove(lines, open.line - 1) })
      open = undefined
    }
    offset = next
  }
  if (open !== undefined) throw new Error(`line ${open.line}: a block that is never closed`)
  return blocks
}

/** The line above, with an empty one between. */
function reasonAbove(lines: readonly string[], fence: number): string | undefined {
  return NOT_RUN.exec(lines[fence - 2] ?? '')?.groups?.['reason']
}

/** The text between `<!-- name -->` and `<!-- /name -->`; undefined when the page has no such place. */
export function findRegion(page: string, name: string): { text: string; start: number } | undefined {
  const [opening, closing] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`]
  const start = page.indexOf(opening)
  const end = page.indexOf(closing)
  return start < 0 || end < start
    ? undefined
    : { text: page.slice(start + opening.length, end), start: start + opening.length }
}

/** Every target of a link outside of code, as it stands. */
export function findLinks(page: string): string[] {
  return [...withoutCode(page).matchAll(/\]\((?<target>[^)\s]+)\)/g)].map((match) => match.groups!['target']!)
}

/** The anchors that headings get, as the usual renderers make them. */
export function findAnchors(page: string): Set<string> {
  const headings = withoutBlocks(page).matchAll(/^#{1,6} +(?<text>.+)$/gm)
  return new Set([...headings].map((match) => anchorOf(match.groups!['text']!)))
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}

function withoutBlocks(page: string): string {
  return page.replaceAll(/^```[^]*?^```$/gm, '')
}

function withoutCode(page: string): string {
  return withoutBlocks(page).replaceAll(/`[^`\n]*`/g, '')
}
