export * from './actor.ts'
export type * from './answer.ts'
export { isBuiltInNamespace } from './catalog.ts'
export type * from './change.ts'
export * from './engine.ts'
export * from './errors.ts'
export * from './fact.ts'
export type { ActorKind } from './candidates.ts'
export { BUILT_IN_GROUPS } from './parties.ts'
export { LIMITS } from './limits.ts'
export { findNearest } from './nearest.ts'
export { factKey, parseChanges, parseExtra, parseFact, parseFactKey, sameJson } from './parse-fact.ts'
export {
  compareText,
  encodeComponent,
  isAtOrBeneath,
  namespaceOf,
  parsePermission,
  printPermission,
} from './permission.ts'
export type * from './rule.ts'
export type { RuleEntry } from './rule-book.ts'
export { hasOption } from './scan.ts'
export type * from './store.ts'
