import type { Fact, FactKind, GrantFact } from '@castellan/engine'
import type { Handler } from '../command.ts'
import { CommandError } from '../exit.ts'
import { bareId } from '../plan.ts'
import { renderTable } from '../render/table.ts'
import { clean, count } from '../render/words.ts'
import type { Session } from '../session.ts'

export const userList: Handler = async (session) => {
  const suspended = await suspendedParties(session)
  const users = await collect(session, 'user')
  await printList(
    session,
    users.map((user) => ({ ...bare(user), suspended: suspended.has(`user:${user.id}`) })),
    ['user', 'name', ''],
    (user) => [user.id, user.name ?? user.id, user.suspended ? 'suspended' : ''],
  )
  return undefined
}

export const groupList: Handler = async (session) => {
  const members = Map.groupBy(await collect(session, 'member'), (member) => member.group)
  const groups = await collect(session, 'group')
  await printList(
    session,
    groups.map((group) => ({ ...bare(group), members: members.get(group.id)?.length ?? 0 })),
    ['group', 'owner', 'members'],
    (group) => [group.id, group.owner, String(group.members)],
  )
  return undefined
}

export const groupShow: Handler = async (session, input) => {
  const { screen } = session
  const target = await session.target('read')
  const id = bareId('group', input.arg(0))
  const fact = await target.fact({ kind: 'group', id })
  if (fact?.kind !== 'group')
    throw new CommandError('USAGE', `group \`${id}\` does not exist`, 'see `castellan group list`')
  const members = (await collect(session, 'member'))
    .filter((member) => member.group === id)
    .map((member) => member.member)
  const grants: GrantFact[] = []
  for await (const grant of target.grants({ holder: `group:${id}` })) grants.push(grant)
  if (screen.json) {
    await screen.printJson({
      ...bare(fact),
      members,
      grants: grants.map(bare),
      revision: await target.revision(),
    })
    return undefined
  }
  await screen.print(`group:${id}, owned by ${fact.owner}`)
  await screen.print(
    `${count(members.length, 'member')}${members.length === 0 ? '' : `: ${members.join(', ')}`}`,
  )
  await screen.print(count(grants.length, 'grant'))
  for (const grant of grants) await screen.print(`  ${clean(grant.permission)}, by ${grant.issuer}`)
  return undefined
}

export const resourceList: Handler = async (session, input) => {
  const prefix = input.args[0]
  const resources = (await collect(session, 'resource')).filter(
    ({ permission }) => prefix === undefined || permission === prefix || permission.startsWith(`${prefix}:`),
  )
  await printList(session, resources.map(bare), ['resource', 'owner', 'in', 'name'], (resource) => [
    resource.permission,
    resource.owner,
    resource.parent ?? '',
    resource.name ?? '',
  ])
  return undefined
}

export const tokenList: Handler = async (session) => {
  const suspended = await suspendedParties(session)
  const tokens = await collect(session, 'token')
  await printList(
    session,
    tokens.map((token) => ({ ...bare(token), suspended: suspended.has(`token:${token.id}`) })),
    ['token', 'for', 'holds', 'until', ''],
    (token) => [
      token.id,
      token.issuer,
      token.full ? 'all that its issuer holds' : 'what was granted to it',
      token.expiresAt ?? '',
      token.suspended ? 'suspended' : '',
    ],
  )
  return undefined
}

export const rules: Handler = async (session) => {
  const target = await session.target('any')
  const all = await target.rules()
  await printList(session, all, ['kind', 'rule', 'what it does'], (rule) => [rule.kind, rule.id, rule.doc])
  return undefined
}

async function suspendedParties(session: Session): Promise<ReadonlySet<string>> {
  return new Set((await collect(session, 'suspension')).map((suspension) => suspension.of))
}

async function collect<Kind extends FactKind>(
  session: Session,
  kind: Kind,
): Promise<Extract<Fact, { kind: Kind }>[]> {
  const target = await session.target('read')
  const found: Extract<Fact, { kind: Kind }>[] = []
  for await (const fact of target.facts(kind))
    if (fact.kind === kind) found.push(fact as Extract<Fact, { kind: Kind }>)
  return found
}

/** The list already says of what kind its items are. */
function bare<Item extends { readonly kind: string }>(fact: Item): Omit<Item, 'kind'> {
  const { kind: _, ...rest } = fact
  return rest
}

async function printList<Item>(
  session: Session,
  items: readonly Item[],
  headings: readonly string[],
  row: (item: Item) => readonly string[],
): Promise<void> {
  const target = await session.target('any')
  if (session.screen.json)
    await session.screen.printJson({ items, nextCursor: null, revision: await target.revision() })
  else if (items.length === 0) session.screen.note('there is none')
  else await renderTable(headings, items.map(row), session.screen)
}
