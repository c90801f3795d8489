import { encodeComponent, type Sought } from '@castellan/engine'
import type {
  AuthzenActionSearchRequest,
  AuthzenEvaluation,
  AuthzenResourceSearchRequest,
  AuthzenSubjectSearchRequest,
} from '@castellan/protocol'
import type { Caller } from '../caller.ts'
import type { Context } from '../context.ts'
import { isAllowed, isUnknown, requireAbout, sit, type Sitting } from './evaluation.ts'
import { contextOf, findActor, isActorKind, permissionOf, resourceOf, type Asked } from './mapping.ts'
import { searchPage, type PageRequest } from './page.ts'

/**
 * A search asks, of each subject, resource or action there may be, what an evaluation asks. So what is found is what
 * an evaluation allows, whatever the rules and the properties.
 */
interface Search<Entity> {
  /** What it knows of the evaluations it stands for. */
  readonly asked: Asked
  /** Ids or names. */
  readonly candidates: Iterable<string>
  readonly evaluationOf: (candidate: string) => AuthzenEvaluation
  readonly entityOf: (candidate: string) => Entity
}

export interface Found<Entity> {
  readonly page: { readonly next_token: string; readonly count: number }
  readonly context: { readonly revision: number }
  readonly results: readonly Entity[]
}

interface Named {
  readonly type: string
  readonly id: string
}

/** Who may do this. Like holders, it takes `manage:` of the permission. @throws {ForbiddenError | CursorError} */
export function searchSubjects(
  context: Context,
  caller: Caller,
  { page, subject: { type, properties }, ...asked }: AuthzenSubjectSearchRequest,
): Found<Named> {
  const sitting = sit(context, caller)
  const subject = { type, properties }
  const permission = permissionOf(asked.resource, asked.action)
  const candidates = whereKnown(() => {
    const { engine, now } = sitting
    engine.authorizeQuestion(caller.actor, { about: 'holders', permission }, { now })
    return isActorKind(type) ? lookFor(sitting, { for: 'holders', permission, kind: type }) : []
  })
  return search(sitting, page, {
    asked: { ...asked, subject },
    candidates: idsOf(candidates),
    evaluationOf: (id) => ({ ...asked, subject: { ...subject, id } }),
    entityOf: (id) => ({ type, id }),
  })
}

/** On which resources a subject may do this. @throws {ForbiddenError | CursorError} */
export function searchResources(
  context: Context,
  caller: Caller,
  { page, resource: { type, properties }, ...asked }: AuthzenResourceSearchRequest,
): Found<Named> {
  const sitting = sit(context, caller)
  const resource = { type, properties }
  const namespace = encodeComponent(type)
  const right = encodeComponent(asked.action.name)
  return search(sitting, page, {
    asked: { ...asked, resource },
    candidates: ofSubject(sitting, asked.subject, (actor) =>
      lookFor(sitting, { for: 'resources', actor, namespace, right }),
    ),
    evaluationOf: (id) => ({ ...asked, resource: { ...resource, id } }),
    entityOf: (id) => ({ type, id }),
  })
}

/** What a subject may do to a resource. @throws {ForbiddenError | CursorError} */
export function searchActions(
  context: Context,
  caller: Caller,
  { page, ...asked }: AuthzenActionSearchRequest,
): Found<{ readonly name: string }> {
  const sitting = sit(context, caller)
  const resource = resourceOf(asked.resource)
  return search(sitting, page, {
    asked,
    candidates: ofSubject(sitting, asked.subject, (actor) =>
      lookFor(sitting, { for: 'rights', actor, resource }),
    ),
    evaluationOf: (name) => ({ ...asked, action: { name } }),
    entityOf: (name) => ({ name }),
  })
}

function search<Entity>(
  sitting: Sitting,
  page: PageRequest | undefined,
  { asked, candidates, evaluationOf, entityOf }: Search<Entity>,
): Found<Entity> {
  const { found, nextToken } = searchPage(
    candidates,
    (candidate) => isAllowed(sitting, evaluationOf(candidate)),
    contextOf(asked),
    page,
  )
  return {
    page: { next_token: nextToken, count: found.length },
    context: { revision: sitting.engine.revision },
    results: found.map(entityOf),
  }
}

/** The ids of parties `type:id`. */
function* idsOf(parties: Iterable<string>): Generator<string> {
  for (const party of parties) yield party.slice(party.indexOf(':') + 1)
}

/** Nobody can be asked about a subject that cannot be, and nothing found. @throws {ForbiddenError} */
function ofSubject(
  sitting: Sitting,
  subject: Named,
  look: (actor: string) => Iterable<string>,
): Iterable<string> {
  const actor = findActor(subject)
  if (actor === undefined) return []
  requireAbout(sitting, actor)
  return whereKnown(() => look(actor))
}

/** Beneath a name that can name nothing there is nothing to find. */
function whereKnown(look: () => Iterable<string>): Iterable<string> {
  try {
    return look()
  } catch (error) {
    if (isUnknown(error)) return []
    throw error
  }
}

/** Without a context: it would lack what is looked for, and rules are asked about each candidate with a whole one. */
function lookFor({ engine, caller, now }: Sitting, sought: Sought): Iterable<string> {
  return engine.candidates(sought, { viewer: caller.actor, now })
}
