/** A line and what hangs below it. */
export interface Branch {
  readonly text: string
  readonly below: readonly Branch[]
}

/** Box-drawing for a terminal, indentation where the text goes on to something else. */
export function drawTree(roots: readonly Branch[], style: 'box' | 'plain'): string[] {
  const lines: string[] = []
  // An explicit stack: a chain may be longer than the call stack is deep.
  const stack: { readonly branch: Branch; readonly lead: string; readonly own: string }[] = []
  const push = (branches: readonly Branch[], lead: string, depth: number): void => {
    for (let i = branches.length - 1; i >= 0; i--) {
      const isLast = i === branches.length - 1
      const branch = branches[i]
      if (branch === undefined) continue
      if (style === 'plain') stack.push({ branch, lead: `${lead}${depth === 0 ? '' : '  '}`, own: '' })
      else if (depth === 0) stack.push({ branch, lead: '', own: '' })
      else
        stack.push({
          branch,
          lead: `${lead}${isLast ? '   ' : '│  '}`,
          own: `${lead}${isLast ? '└─ ' : '├─ '}`,
        })
    }
  }
  push(roots, '', 0)
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    lines.push(`${style === 'plain' ? next.lead : next.own}${next.branch.text}`)
    push(next.branch.below, next.lead, 1)
  }
  return lines
}
