import type { CommandGroup, CommandSpec, OptionSpec } from './command.ts'
import type { Planner } from './plan.ts'

/** A command that changes facts. Said once, it serves twice: as itself, and behind `preview`. */
interface ChangeSpec extends Omit<CommandSpec, 'load'> {
  readonly plan: () => Promise<Planner>
  /** Options that matter only when the change is made. */
  readonly doing?: readonly OptionSpec[]
}

interface ChangeGroup {
  readonly name: string
  readonly heading: 'Change'
  readonly summary: string
  readonly commands: readonly ChangeSpec[]
}

const REASON: OptionSpec = { flags: '--reason <text>', doc: 'why, for the journal' }
const ON_DEPENDANTS: OptionSpec = {
  flags: '--on-dependants <what>',
  doc: 'when someone else would lose access: go on, or refuse',
  choices: ['allow', 'refuse'],
}
const YES: OptionSpec = { flags: '--yes', doc: 'do not ask, for scripts' }

const plans = () => import('./plan.ts')

const CHANGES: readonly (ChangeSpec | ChangeGroup)[] = [
  {
    name: 'grant',
    heading: 'Change',
    args: '<permission>',
    summary: 'give a permission to a user, group, app or token',
    details:
      'The issuer is who acts: `system` on a database, the owner of the token on a server, or the one of `--as`.',
    options: [
      { flags: '--to <holder>', doc: 'user:, group:, app:, token: or user:<id>/app:<id>', isRequired: true },
      { flags: '--extra <json>', doc: 'claims, a JSON object' },
      { flags: '--expires <when>', doc: 'an instant (RFC 3339) or a span such as 90m, 12h, 7d' },
    ],
    examples: [
      'castellan grant a:b --to user:bob --as user:fred',
      "castellan grant fs:24729b88-a4c5-4990-ad4e-272b87895732:read --to group:team --expires 7d --reason 'the audit'",
    ],
    plan: async () => (await plans()).planGrant,
  },
  {
    name: 'revoke',
    heading: 'Change',
    args: '<permission>',
    summary: 'take a permission back from its holder',
    details:
      'Ends the grants of this very permission to this holder; with `--as`, only those which that user made, if any.',
    options: [
      { flags: '--from <holder>', doc: 'who holds the grant', isRequired: true },
      { flags: '--issuer <issuer>', doc: 'only the grant of this issuer' },
    ],
    doing: [ON_DEPENDANTS],
    examples: [
      'castellan revoke a:b --from user:fred',
      'castellan revoke a:b --from group:cool_group --as user:fred',
    ],
    plan: async () => (await plans()).planRevoke,
  },
  {
    name: 'group',
    heading: 'Change',
    summary: 'make groups and change who is in them',
    commands: [
      {
        name: 'create',
        args: '<group>',
        summary: 'make a group',
        options: [{ flags: '--owner <owner>', doc: 'user:<id> or system; default: who acts' }],
        examples: ['castellan group create cool_group --owner user:fred'],
        plan: async () => (await plans()).planGroupCreate,
      },
      {
        name: 'add',
        args: '<group> <member...>',
        summary: 'add users or groups to a group',
        examples: ['castellan group add cool_group user:alice group:team'],
        plan: async () => (await plans()).planGroupAdd,
      },
      {
        name: 'remove',
        args: '<group> <member...>',
        summary: 'remove members from a group',
        doing: [ON_DEPENDANTS],
        examples: ['castellan group remove cool_group user:alice'],
        plan: async () => (await plans()).planGroupRemove,
      },
      {
        name: 'leave',
        args: '<group>',
        summary: 'leave a group',
        examples: ['castellan group leave cool_group --as user:alice'],
        plan: async () => (await plans()).planGroupLeave,
      },
      {
        name: 'delete',
        args: '<group>',
        summary: 'delete a group, its memberships and the grants to it',
        doing: [ON_DEPENDANTS],
        examples: ['castellan group delete cool_group'],
        plan: async () => (await plans()).planGroupDelete,
      },
    ],
  },
  {
    name: 'user',
    heading: 'Change',
    summary: 'make and remove users',
    commands: [
      {
        name: 'create',
        args: '<user...>',
        summary: 'make users',
        options: [{ flags: '--name <name>', doc: 'what people see; default: the id' }],
        examples: ['castellan user create alice', "castellan user create bob --name 'Bob Smith'"],
        plan: async () => (await plans()).planUserCreate,
      },
      {
        name: 'remove',
        args: '<user...>',
        summary: 'remove users, their memberships and their grants',
        doing: [ON_DEPENDANTS],
        examples: ['castellan user remove alice'],
        plan: async () => (await plans()).planUserRemove,
      },
    ],
  },
  {
    name: 'resource',
    heading: 'Change',
    summary: 'make, move, give away and delete what people own',
    commands: [
      {
        name: 'create',
        args: '<permission>',
        summary: 'declare a resource and its owner',
        options: [
          { flags: '--owner <owner>', doc: 'who owns it; default: who acts' },
          { flags: '--parent <resource>', doc: 'what it lies in' },
          { flags: '--name <name>', doc: 'its path segment' },
        ],
        examples: ['castellan resource create a --owner user:ed'],
        plan: async () => (await plans()).planResourceCreate,
      },
      {
        name: 'move',
        args: '<permission>',
        summary: 'put a resource into another, or at the top',
        options: [
          { flags: '--into <resource>', doc: 'its new parent' },
          { flags: '--top', doc: 'into nothing' },
          { flags: '--name <name>', doc: 'its new name' },
        ],
        examples: [
          'castellan resource move fs:24729b88-a4c5-4990-ad4e-272b87895732 --into fs:e8ac2973-0a4c-4f0e-9c2f-64b4d4a2c5d1',
        ],
        plan: async () => (await plans()).planResourceMove,
      },
      {
        name: 'give',
        args: '<permission>',
        summary: 'give a resource away to a new owner',
        options: [{ flags: '--to <owner>', doc: 'its new owner', isRequired: true }],
        examples: ['castellan resource give a --to user:fred'],
        plan: async () => (await plans()).planResourceGive,
      },
      {
        name: 'delete',
        args: '<permission>',
        summary: 'delete a resource and every grant beneath it',
        options: [{ flags: '--recursive', doc: 'with everything in it' }],
        doing: [YES, ON_DEPENDANTS],
        examples: [
          'castellan resource delete fs:24729b88-a4c5-4990-ad4e-272b87895732',
          'castellan resource delete fs:e8ac2973-0a4c-4f0e-9c2f-64b4d4a2c5d1 --recursive --yes',
        ],
        plan: async () => (await plans()).planResourceDelete,
      },
    ],
  },
  {
    name: 'token',
    heading: 'Change',
    summary: 'make and revoke access tokens',
    commands: [
      {
        name: 'revoke',
        args: '<token...>',
        summary: 'end tokens and the grants to them',
        examples: ['castellan token revoke 01JABCDEF'],
        plan: async () => (await plans()).planTokenRevoke,
      },
    ],
  },
  {
    name: 'suspend',
    heading: 'Change',
    args: '<party...>',
    summary: 'suspend users, apps or tokens: they hold nothing until resumed',
    doing: [ON_DEPENDANTS],
    examples: ['castellan suspend user:fred'],
    plan: async () => (await plans()).planSuspend,
  },
  {
    name: 'resume',
    heading: 'Change',
    args: '<party...>',
    summary: 'end a suspension',
    examples: ['castellan resume user:fred'],
    plan: async () => (await plans()).planResume,
  },
  {
    name: 'change',
    heading: 'Change',
    args: '<file>',
    summary: 'make the changes of a JSON file in one commit (`-` reads standard input)',
    details:
      'The file is a list of `{"add": fact}` and `{"remove": key}`, or `{"changes": […], "preconditions"?, "reason"?}`.',
    doing: [ON_DEPENDANTS],
    examples: ['castellan change changes.json'],
    plan: async () => (await plans()).planChange,
  },
]

/** The commands that change facts. */
export const changeCommands: readonly (CommandSpec | CommandGroup)[] = mapSpecs(CHANGES, toReal)

const PAGING: readonly OptionSpec[] = [
  { flags: '--limit <n>', doc: 'how many at most; default: all' },
  { flags: '--cursor <cursor>', doc: 'go on where a page ended' },
]

/** The same behind `preview`. */
export const previewCommands: readonly (CommandSpec | CommandGroup)[] = mapSpecs(CHANGES, toPreview)

function mapSpecs(
  specs: readonly (ChangeSpec | ChangeGroup)[],
  map: (spec: ChangeSpec) => CommandSpec,
): readonly (CommandSpec | CommandGroup)[] {
  return specs.map((spec) => {
    if (!('commands' in spec)) return map(spec)
    const commands = spec.commands.map(map)
    return { ...spec, commands, examples: [commands[0]?.examples[0] ?? ''] }
  })
}

function toReal(spec: ChangeSpec): CommandSpec {
  const { plan, doing = [], ...rest } = spec
  return {
    ...rest,
    options: [...(spec.options ?? []), REASON, ...doing],
    load: async () => {
      const { changeHandler } = await import('./commands/change.ts')
      return changeHandler(await plan())
    },
  }
}

function toPreview(spec: ChangeSpec): CommandSpec {
  const { plan, doing: _, ...rest } = spec
  const [first, ...others] = spec.examples
  return {
    ...rest,
    summary: `what would happen: ${spec.summary}`,
    options: [...(spec.options ?? []), ...PAGING],
    examples: [asPreview(first), ...others.map(asPreview)],
    load: async () => {
      const { previewHandler } = await import('./commands/preview.ts')
      return previewHandler(await plan())
    },
  }
}

function asPreview(example: string): string {
  return example.replace(/^castellan /, 'castellan preview ').replace(/ --(yes|reason '[^']*')/g, '')
}
