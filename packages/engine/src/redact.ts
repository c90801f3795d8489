import { NONE } from './columns.ts'
import type { BrokenLink, Explanation, Graph, Mend } from './answer.ts'
import type { Inquiry } from './inquiry.ts'
import { namespaceOf, splitManage } from './permission.ts'

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

/** Whether the viewer may ask about anyone, manages the resource, or holds anything of it: there or not. */
export function maySeeResource(inquiry: Inquiry, resource: string): boolean {
  return ['castellan:check', `manage:${resource}`, seeingOf(inquiry, resource)].some((enough) =>
    inquiry.mayViewerSee(enough),
  )
}

/** The weakest right on a resource. */
function seeingOf(inquiry: Inquiry, resource: string): string {
  const weakest = inquiry.index.namespaces.get(namespaceOf(resource))?.modes?.[0]
  return weakest === undefined ? resource : `${resource}:${weakest}`
}

/**
 * Of what a string explodes to, what the viewer may know. Which folders something lies in is for those who see the
 * folders: to others it would tell that it is there, and where.
 */
export function seenStrings(
  inquiry: Inquiry,
  permission: string,
  strings: readonly string[],
): readonly string[] {
  const own = new Set(resourcesAlong(inquiry, permission))
  return strings.filter((each) =>
    resourcesAlong(inquiry, each).every((resource) => own.has(resource) || maySeeResource(inquiry, resource)),
  )
}

function resourcesAlong({ index }: Inquiry, permission: string): string[] {
  const nodes = [...index.nodesAlong(splitManage(permission).rest)]
  return nodes.flatMap(({ node }) => (index.owner.get(node) === NONE ? [] : [index.permissionOf(node)]))
}

export function redactExplanation(
  explanation: Omit<Explanation, 'revision'>,
  isInCircle: (party: string) => boolean,
): Omit<Explanation, 'revision'> {
  const { brokenLinks } = explanation
  return {
    ...explanation,
    graph: redactGraph(explanation.graph, isInCircle),
    ...(brokenLinks && { brokenLinks: redactSets(brokenLinks, isInCircle) }),
  }
}

/**
 * How many links are hidden, and what is wrong with each, would tell what others hold: so all of a set are one. A
 * token and an app hold no more than who made them: whether those hold it is hidden too, so there is one even where
 * nothing else is missing.
 */
function redactSets(
  sets: readonly (readonly BrokenLink[])[],
  isInCircle: (party: string) => boolean,
): readonly (readonly BrokenLink[])[] {
  const shown = new Map<string, readonly BrokenLink[]>()
  for (const set of sets) {
    const seen = set.filter(({ mend }) => mend !== null && partiesOf(mend).some(isInCircle))
    const isWhole = seen.length === set.length && !seen.some((link) => restsOnHidden(link, isInCircle))
    const redacted = isWhole ? set : [...seen, HIDDEN_LINK]
    shown.set(JSON.stringify(redacted), redacted)
  }
  return [...shown.values()]
}

function restsOnHidden({ mend }: BrokenLink, isInCircle: (party: string) => boolean): boolean {
  if (mend === null || !('add' in mend)) return false
  const { issuer, holder } = mend.add
  const isUser = holder.startsWith('user:') && !holder.includes('/')
  return !isUser && !isInCircle(issuer)
}

const HIDDEN_LINK: BrokenLink = { problem: HIDDEN, detail: HIDDEN, mend: null, by: [HIDDEN] }

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

function partiesOf(mend: Mend): string[] {
  return 'add' in mend ? [mend.add.holder, mend.add.issuer] : [mend.remove.of]
}
