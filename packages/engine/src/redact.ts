import type { BrokenLink, Explanation, Graph, Mend } from './answer.ts'
import type { Inquiry } from './inquiry.ts'

/** Stands for what is not for the viewer to know. */
export const HIDDEN = 'hidden'

/**
 * Parties whose links the viewer may see: itself, its apps and tokens, its groups.
 *
 * @returns undefined when the viewer may see all: `system`, and holders of `castellan:check`
 */
export function circleOf(inquiry: Inquiry): ((party: string) => boolean) | undefined {
  const { viewer, index } = inquiry
  if (viewer === 'system' || inquiry.mayViewerSee('castellan:check')) return undefined
  const row = index.parties.get(viewer)
  // A token for full access is as good as who made it.
  const principal =
    row !== undefined && index.isFullToken(row) ? index.partyText[index.base.get(row)]! : viewer
  const user = index.parties.get(principal)
  const groups = new Set(
    user === undefined ? [] : [...index.groupClosure(user).keys()].map((group) => index.partyText[group]!),
  )
  return (party) => {
    if (party === principal || party.startsWith(`${principal}/`) || groups.has(party)) return true
    if (!party.startsWith('token:') && !party.startsWith('app:')) return false
    const owned = index.parties.get(party)
    return owned !== undefined && index.partyText[index.base.get(owned)] === principal
  }
}

export function redactExplanation(
  explanation: Omit<Explanation, 'revision'>,
  isInCircle: (party: string) => boolean,
): Omit<Explanation, 'revision'> {
  const { brokenLinks } = explanation
  return {
    ...explanation,
    graph: redactGraph(explanation.graph, isInCircle),
    ...(brokenLinks && {
      brokenLinks: brokenLinks.map((set) => set.map((link) => redactLink(link, isInCircle))),
    }),
  }
}

function redactGraph({ nodes, edges }: Graph, isInCircle: (party: string) => boolean): Graph {
  const shown = new Set(nodes.filter(({ actor }) => isInCircle(actor)).map(({ id }) => id))
  const isOpen = edges.map(
    ({ from, grant }) =>
      shown.has(from) && (grant === null || isInCircle(grant.holder) || isInCircle(grant.issuer)),
  )
  for (const [i, { to }] of edges.entries()) if (isOpen[i]) shown.add(to)
  return {
    nodes: nodes.map((node) =>
      shown.has(node.id)
        ? node
        : {
            id: node.id,
            actor: HIDDEN,
            permission: HIDDEN,
            options: node.options.map(() => ({ permission: HIDDEN, by: HIDDEN, data: {} })),
          },
    ),
    edges: edges.map((edge, i) =>
      isOpen[i] ? edge : { from: edge.from, to: edge.to, via: HIDDEN, grant: null },
    ),
  }
}

function redactLink(link: BrokenLink, isInCircle: (party: string) => boolean): BrokenLink {
  if (link.mend !== null && partiesOf(link.mend).some(isInCircle)) return link
  return { problem: link.problem, detail: HIDDEN, mend: null, by: [HIDDEN] }
}

function partiesOf(mend: Mend): string[] {
  return 'add' in mend ? [mend.add.holder, mend.add.issuer] : [mend.remove.of]
}
