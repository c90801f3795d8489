import { hash } from 'node:crypto'
import { invariant, type Commit, type JournalEntry } from '@castellan/engine'
import { canonicalJson } from './canonical.ts'

/** What stands before the first entry. */
export const GENESIS = '0'.repeat(64)

export interface VerifyOptions {
  /** A hash kept elsewhere, as backups print it: of the last entry, or of an earlier one. It must be in the chain. */
  readonly head?: string | undefined
  /** The revision that the store claims, or that was noted with `head`. The chain must reach it. */
  readonly revision?: number | undefined
  /** Where the chain begins, when not at the first entry. */
  readonly after?: JournalPosition | undefined
}

/** A place in the chain: an entry and what it hashes to. */
export interface JournalPosition {
  readonly revision: number
  readonly head: string
}

export type Verification =
  | { readonly ok: true; readonly revision: number; readonly head: string }
  | {
      readonly ok: false
      /** The first entry that is wrong, or that is not there. */
      readonly revision: number
      readonly problem: VerifyProblem
      /** One sentence for people. */
      readonly message: string
    }

export type VerifyProblem =
  /** An entry says something else than what was hashed. */
  | 'changed'
  /** One or several entries are not there. */
  | 'missing'
  /** Whole in itself, but not the continuation of the entry before: it, or all before it, was replaced. */
  | 'rewritten'
  /** The chain ends before the revision it should reach, or never comes to `head`. */
  | 'cut'
  /** The facts are not what the journal leads to. */
  | 'facts'
  /** The file itself is damaged. */
  | 'file'

/**
 * Follows the chain from the first entry to the last.
 *
 * Without `head` it finds whatever was changed, added or taken away inside the chain; but whoever can write the file
 * can also cut its end, or hash everything anew. A head that was kept elsewhere shows that too.
 */
export function verifyJournal(entries: Iterable<JournalEntry>, options: VerifyOptions = {}): Verification {
  let { revision, head } = options.after ?? { revision: 0, head: GENESIS }
  const wanted = options.head?.toLowerCase()
  let isWantedSeen = wanted === undefined || wanted === head
  for (const entry of entries) {
    const next = revision + 1
    if (entry.revision !== next) return wrongRevision(entry.revision, next)
    if (entry.previous !== head) {
      return wrong(next, 'rewritten', `entry ${next} does not continue the entry before it`)
    }
    if (entry.hash !== hashEntry(head, entry).hash) {
      return wrong(next, 'changed', `entry ${next} is not what was written`)
    }
    revision = next
    head = entry.hash
    isWantedSeen ||= wanted === head
  }
  if (options.revision !== undefined && revision < options.revision) {
    return wrong(revision + 1, 'cut', `the journal ends at ${revision}, it should reach ${options.revision}`)
  }
  if (!isWantedSeen) {
    return wrong(revision + 1, 'cut', 'the head is not in the journal: its end was cut off or rewritten')
  }
  return { ok: true, revision, head }
}

function wrongRevision(found: number, expected: number): Verification {
  if (found < expected) {
    return wrong(expected, 'rewritten', `entry ${found} comes again where ${expected} should be`)
  }
  const missing = found === expected + 1 ? `entry ${expected} is` : `entries ${expected} to ${found - 1} are`
  return wrong(expected, 'missing', `${missing} missing`)
}

function wrong(revision: number, problem: VerifyProblem, message: string): Verification {
  return { ok: false, revision, problem, message }
}

/** An entry ready to be written: what it says, in the words that were hashed. */
export interface HashedCommit {
  /** `effects` as canonical JSON. */
  readonly effects: string
  readonly hash: string
}

/**
 * Hashes a commit onto the chain: SHA-256 over the canonical JSON of `[previous, revision, time, actor, reason,
 * effects]`. JSON quotes every text and keys are sorted, so no two different entries have the same words, and an
 * entry has the same words however a store kept it.
 *
 * @see RFC 8785, JSON Canonicalization Scheme
 */
export function hashEntry(previous: string, commit: Commit): HashedCommit {
  const effects = canonicalJson(commit.effects)
  // Of a list of texts and numbers there is only one JSON.
  const start = JSON.stringify([previous, commit.revision, commit.time, commit.actor, commit.reason])
  return { effects, hash: hash('sha256', `${start.slice(0, -1)},${effects}]`) }
}

/** A commit with its place in the chain. */
export interface ChainedCommit extends HashedCommit {
  readonly commit: Commit
  readonly previous: string
}

/** Hashes commits that are about to be written onto what was written before. */
export function chainCommits(after: JournalPosition, commits: readonly Commit[]): ChainedCommit[] {
  let { revision, head } = after
  return commits.map((commit) => {
    invariant(commit.revision === revision + 1, `commit ${commit.revision} does not follow ${revision}`)
    const chained = { commit, previous: head, ...hashEntry(head, commit) }
    revision = commit.revision
    head = chained.hash
    return chained
  })
}
