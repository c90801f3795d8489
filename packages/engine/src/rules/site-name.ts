import { encodeComponent } from '../permission.ts'
import type { Rewriter } from '../rule.ts'

export const siteName: Rewriter = {
  kind: 'rewriter',
  id: 'site-name',
  doc: "a website's name names it where no site has that id: `site:<name>` is `site:<id>`; a name that several bear names none",
  namespaces: ['site'],
  rewrite(components, { facts }) {
    const name = components[1]
    if (name === undefined || facts.resource(`site:${encodeComponent(name)}`) !== undefined) return undefined
    const site = facts.resourceNamed('site', undefined, name)
    return site && ['site', ...site.permission.split(':').slice(1), ...components.slice(2)]
  },
}
