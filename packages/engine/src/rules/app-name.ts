import type { Rewriter } from '../rule.ts'

export const appName: Rewriter = {
  kind: 'rewriter',
  id: 'app-name',
  doc: "an app's name names it where no app has that id: `app:<name>` is `app:<id>`; a name that several bear names none",
  namespaces: ['app'],
  rewrite(components, { facts }) {
    const name = components[1]
    if (name === undefined || facts.app(name) !== undefined) return undefined
    const named = facts.appNamed(name)
    return named && ['app', named.id, ...components.slice(2)]
  },
}
