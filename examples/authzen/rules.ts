import { BlockList, isIP } from 'node:net'
import type { Implicator, RuleSetting } from '@castellan/engine'

/** What an AuthZEN request brings for rules. Another question brings nothing, so each part may be missing. */
interface Asked {
  readonly subject?: { readonly type: string; readonly id: string; readonly properties: Properties }
  readonly resource?: { readonly type: string; readonly id: string; readonly properties: Properties }
  readonly context?: Properties
}
type Properties = Readonly<Record<string, unknown>>

const askedOf = ({ context }: RuleSetting): Asked => context

/** Over properties of the subject and the resource, as whoever asks knows them. */
export const ownDepartment: Implicator = {
  kind: 'implicator',
  id: 'own-department',
  doc: 'employees read the reports of their own department',
  namespaces: ['report'],
  implies(actor, permission, setting) {
    const { subject, resource } = askedOf(setting)
    if (subject === undefined || resource === undefined) return undefined
    // The properties are of the subject and of no one else on a pathway, and of this very report.
    const isAsked = actor === `${subject.type}:${subject.id}` && permission === `report:${resource.id}:read`
    const { department } = subject.properties
    if (typeof department !== 'string' || department !== resource.properties['department']) return undefined
    return isAsked && setting.facts.isMember(subject.id, 'employees') ? { department } : undefined
  },
}

const office = new BlockList()
office.addSubnet('10.20.0.0', 16)

/** Over the context of the request: where it came from. */
export const fromTheOffice: Implicator = {
  kind: 'implicator',
  id: 'from-the-office',
  doc: 'auditors read every report while they are in the office',
  namespaces: ['report'],
  implies(actor, permission, setting) {
    const { ip } = askedOf(setting).context ?? {}
    const isInside = typeof ip === 'string' && isIP(ip) === 4 && office.check(ip)
    const isAuditor = setting.facts.isMember(actor.slice('user:'.length), 'auditors')
    return isInside && isAuditor && permission.endsWith(':read') ? {} : undefined
  },
}
