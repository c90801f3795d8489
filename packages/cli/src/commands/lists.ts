import type { GrantFact } from '@castellan/engine'
import type { Handler } from '../command.ts'
import { codeOf, CommandError } from '../exit.ts'
import { bareId } from '../plan.ts'
import { renderTable } from '../render/table.ts'
import { clean, count } from '../render/words.ts'
import type { Session } from '../session.ts'
import type { Target } from '../target/target.ts'

export const userList: Handler = async (session) => {
  const target = await session.target('read')
  const users = await Array.fromAsync(target.users())
  await printList(session, users.map(bare), ['user', 'name', ''], (user) => [
    user.id,
    user.name ?? user.id,
    user.suspended ? 'suspended' : '',
  ])
  return undefined
}

export const groupList: Handler = async (session) => {
  const target = await session.target('read')
  const groups = await Array.fromAsync(target.groups())
  const members = Map.groupBy(await Array.fromAsync(target.members()), (member) => member.group)
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
  const fact = await target.findGroup(id)
  if (fact === undefined)
    throw new CommandError('USAGE', `group \`${id}\` does not exist`, 'see `castellan group list`')
  const members = (await Array.fromAsync(target.members(id))).map(({ member }) => member)
  const grants = await grantsTo(target, `group:${id}`)
  if (screen.json) {
    await screen.printJson({
      ...bare(fact),
      members,
      ...(grants && { grants: grants.map(bare) }),
      revision: await target.revision(),
    })
    return undefined
  }
  await screen.print(`group:${id}, owned by ${fact.owner}`)
  await screen.print(
    `${count(members.length, 'member')}${members.length === 0 ? '' : `: ${members.join(', ')}`}`,
  )
  if (grants === undefined) screen.note('what is granted to it is for who manages it to see')
  else await screen.print(count(grants.length, 'grant'))
  for (const grant of grants ?? []) await screen.print(`  ${clean(grant.permission)}, by ${grant.issuer}`)
  return undefined
}

/** Undefined for a member who may see the group and not this. */
async function grantsTo(target: Target, holder: string): Promise<GrantFact[] | undefined> {
  try {
    return await Array.fromAsync(target.grants({ holder }))
  } catch (error) {
    if (codeOf(error) === 'FORBIDDEN') return undefined
    throw error
  }
}

export const resourceList: Handler = async (session, input) => {
  const target = await session.target('read')
  const resources = await Array.fromAsync(target.resources(input.args[0]))
  await printList(session, resources.map(bare), ['resource', 'owner', 'in', 'name'], (resource) => [
    resource.permission,
    resource.owner,
    resource.parent ?? '',
    resource.name ?? '',
  ])
  return undefined
}

export const tokenList: Handler = async (session) => {
  const target = await session.target('read')
  const tokens = await Array.fromAsync(target.tokens())
  await printList(session, tokens.map(bare), ['token', 'for', 'holds', 'until', ''], (token) => [
    token.id,
    token.issuer,
    token.full ? 'all that its issuer holds' : 'what was granted to it',
    token.expiresAt ?? '',
    token.suspended ? 'suspended' : '',
  ])
  return undefined
}

export const rules: Handler = async (session) => {
  const target = await session.target('any')
  const all = await target.rules()
  await printList(session, all, ['kind', 'rule', 'what it does'], (rule) => [rule.kind, rule.id, rule.doc])
  return undefined
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
