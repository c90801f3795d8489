export * from './errors.ts'
export * from './problem.ts'
export * from './shapes/authzen.ts'
export * from './shapes/catalog.ts'
export * from './shapes/changes.ts'
export * from './shapes/facts.ts'
export * from './shapes/grants.ts'
export * from './shapes/groups.ts'
export * from './shapes/health.ts'
export * from './shapes/journal.ts'
export * from './shapes/paging.ts'
export * from './shapes/problem.ts'
export * from './shapes/questions.ts'
export * from './shapes/resources.ts'
export * from './shapes/tokens.ts'
export * from './shapes/users.ts'
export * as values from './shapes/values.ts'
export { parseShape, printPath } from './shape-error.ts'
export { parseEvaluation, parseEvaluationBody, parseEvaluationsBody } from './authzen-body.ts'
export { parseBody, parseCheckBody, parseCheckEachBody } from './decision-body.ts'
export { countMembers, JSON_DEPTH_MAX, JsonInvalidError, parseJson } from './json.ts'
export { LINE_BYTES_MAX, LineSplitter, readLines, type Chunks, type Line } from './lines.ts'
export {
  parseLine,
  printFact,
  readJsonLines,
  writeFacts,
  type LinesOptions,
  type Parsed,
  type ParseValue,
} from './jsonl.ts'
export { parseQuestion, type BatchQuestion } from './question.ts'
export { parseWorld, WORLD_BYTES_MAX, type Expectation, type World } from './world.ts'
export { readFactsFile, type FactsFile, type FactsFileSource } from './facts-file.ts'
