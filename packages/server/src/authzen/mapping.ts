import { encodeComponent, isId, type ActorKind, type JsonObject } from '@castellan/engine'

/**
 * Between AuthZEN's entities and ours: a subject is the actor `type:id`, an action on a resource the permission
 * `type:id:name`. Each of the three is data: whatever stands in it becomes one component.
 */

const ACTOR_KINDS: ReadonlySet<string> = new Set<ActorKind>(['user', 'app', 'token'])

export function isActorKind(type: string): type is ActorKind {
  return ACTOR_KINDS.has(type)
}

/** @returns undefined for a subject that can be no actor, whatever the facts are */
export function findActor({ type, id }: { readonly type: string; readonly id: string }): string | undefined {
  return isActorKind(type) && isId(id) ? `${type}:${id}` : undefined
}

/** May be no valid string: that is the engine's to say. */
export function permissionOf(
  resource: { readonly type: string; readonly id: string },
  action: { readonly name: string },
): string {
  return `${resourceOf(resource)}:${encodeComponent(action.name)}`
}

export function resourceOf({ type, id }: { readonly type: string; readonly id: string }): string {
  return `${encodeComponent(type)}:${encodeComponent(id)}`
}

/** An evaluation, or what a search knows of those it looks for. */
export interface Asked {
  readonly subject: { readonly type: string; readonly id?: string } & WithProperties
  readonly action?: { readonly name: string } & WithProperties
  readonly resource: { readonly type: string; readonly id?: string } & WithProperties
  readonly context?: Properties | undefined
}

interface WithProperties {
  readonly properties?: Properties | undefined
}

type Properties = Readonly<Record<string, unknown>>

/** What rules get to see: the entities, each with `properties`, and the environment. */
export function contextOf({ subject, action, resource, context = {} }: Asked): JsonObject {
  const seen = {
    subject: { type: subject.type, id: subject.id, properties: subject.properties ?? {} },
    action: { name: action?.name, properties: action?.properties ?? {} },
    resource: { type: resource.type, id: resource.id, properties: resource.properties ?? {} },
    context,
  }
  // What came out of a JSON text is JSON, whatever the shapes know of it; what a search looks for is undefined.
  return seen as unknown as JsonObject
}
