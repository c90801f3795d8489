import { FactInvalidError } from './errors.ts'
import { namespaceOf } from './permission.ts'
import type { Exploder, Implicator, Rewriter, Rule, Scanner } from './rule.ts'
import { appName } from './rules/app-name.ts'
import type { BuiltInExploder, BuiltInImplicator } from './rules/built-in.ts'
import { fsPath, isUnresolvedPath } from './rules/fs-path.ts'
import { isOwner } from './rules/is-owner.ts'
import { isSystem } from './rules/is-system.ts'
import { modes } from './rules/modes.ts'
import { resourceTree } from './rules/resource-tree.ts'
import { SCANNERS } from './rules/scanners.ts'
import { siteName } from './rules/site-name.ts'
import { userSelf } from './rules/user-self.ts'

export const BUILT_IN_EXPLODERS: readonly BuiltInExploder[] = [modes, resourceTree]
export const BUILT_IN_IMPLICATORS: readonly BuiltInImplicator[] = [isSystem, isOwner, userSelf]

/** What `castellan rules` prints of one rule. */
export interface RuleEntry {
  readonly id: string
  readonly kind: Rule['kind']
  readonly doc: string
  readonly builtIn: boolean
}

/** The rules in force, those registered after those built in. */
export class RuleBook {
  readonly rewriters: readonly Rewriter[]
  readonly exploders: readonly Exploder[]
  readonly implicators: readonly Implicator[]
  readonly scanners: readonly Scanner[]
  readonly entries: readonly RuleEntry[]
  private readonly registered: readonly Rule[]

  constructor(registered: readonly Rule[]) {
    this.registered = registered
    const builtInRewriters = [fsPath, appName, siteName]
    const builtIn = [...builtInRewriters, ...BUILT_IN_EXPLODERS, ...BUILT_IN_IMPLICATORS, ...SCANNERS]
    const ids = new Set<string>(builtIn.map((rule) => rule.id))
    for (const rule of registered) {
      if (!/^[a-z][a-z0-9-]*$/.test(rule.id))
        throw new FactInvalidError('rules', `rule id \`${rule.id}\` is not lower-case words joined by \`-\``)
      if (ids.has(rule.id)) throw new FactInvalidError('rules', `there are two rules \`${rule.id}\``)
      ids.add(rule.id)
    }
    this.rewriters = [...builtInRewriters, ...ofKind(registered, 'rewriter')]
    this.exploders = ofKind(registered, 'exploder')
    this.implicators = ofKind(registered, 'implicator')
    this.scanners = ofKind(registered, 'scanner')
    this.entries = [
      ...builtIn.map(({ id, kind, doc }) => ({ id, kind, doc, builtIn: true })),
      ...registered.map(({ id, kind, doc }) => ({ id, kind, doc, builtIn: false })),
    ]
  }

  /** Does a registered rule have a say in this namespace. */
  touches(namespace: string): boolean {
    return this.registered.some((rule) => speaksOf(rule, namespace))
  }

  /** May an answer about this namespace rest on a registered rule. Beneath `manage` stand the strings of any other. */
  maySpeakOf(namespace: string): boolean {
    return namespace === 'manage' ? this.registered.length > 0 : this.touches(namespace)
  }

  /** Can every registered rule that yields rights say whom it gives them. */
  canList(): boolean {
    return [...this.implicators, ...this.scanners].every((rule) => rule.holdersOf !== undefined)
  }

  /** Does a rewriter have a say about this string; of paths, most are none. */
  mayRewrite(permission: string): boolean {
    const namespace = namespaceOf(permission)
    return this.rewriters.some(
      (rule) => speaksOf(rule, namespace) && (rule !== fsPath || isUnresolvedPath(permission)),
    )
  }
}

export function speaksOf(rule: Rule, namespace: string): boolean {
  return rule.namespaces === undefined || rule.namespaces.includes(namespace)
}

function ofKind<Kind extends Rule['kind']>(
  rules: readonly Rule[],
  kind: Kind,
): Extract<Rule, { kind: Kind }>[] {
  return rules.filter((rule): rule is Extract<Rule, { kind: Kind }> => rule.kind === kind)
}
