/**
 * Everything that is asked of the database while it serves. Each is asserted to find what it reads by a key: in the
 * index `facts_removed`, or in the primary keys, in whose order it then answers.
 */
export const STATEMENTS = {
  putFact: `INSERT INTO facts (kind, k1, k2, k3, body, revision) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (kind, k1, k2, k3) DO UPDATE SET body = excluded.body, revision = excluded.revision`,
  putEntry: `INSERT INTO journal (revision, time, actor, reason, effects, previous, hash)
    VALUES (?, ?, ?, ?, ?, ?, ?)`,
  // In the place of an earlier one, and the last in the row again.
  putReceipt: 'INSERT OR REPLACE INTO receipts (caller, key, digest, answer, time) VALUES (?, ?, ?, ?, ?)',
  // Ten at a time, while each commit adds few: what is over goes faster than new ones come.
  dropOldReceipts: `DELETE FROM receipts
    WHERE number < (SELECT min(number) FROM receipts) + 10 AND time < ?`,
  dropSurplusReceipts: `DELETE FROM receipts WHERE number <= (SELECT max(number) FROM receipts) - ?`,
  receipt: 'SELECT digest, answer, time FROM receipts WHERE caller = ? AND key = ?',
  changedAt: 'SELECT revision FROM facts WHERE kind = ? AND k1 = ? AND k2 = ? AND k3 = ?',
  // By how many parts the keys have: what is '' in every row takes its time to read like anything else.
  facts1: `SELECT k1, body FROM facts
    WHERE kind = ? AND k1 > ? AND body IS NOT NULL ORDER BY k1 LIMIT ?`,
  facts2: `SELECT k1, k2, body FROM facts
    WHERE kind = ? AND (k1, k2) > (?, ?) AND body IS NOT NULL ORDER BY k1, k2 LIMIT ?`,
  facts3: `SELECT k1, k2, k3, body FROM facts
    WHERE kind = ? AND (k1, k2, k3) > (?, ?, ?) AND body IS NOT NULL ORDER BY k1, k2, k3 LIMIT ?`,
  places: `SELECT k1, k2, k3, body FROM facts
    WHERE kind = ? AND (k1, k2, k3) >= (?, ?, ?) ORDER BY k1, k2, k3 LIMIT ?`,
  // Left to itself SQLite takes the primary key, and walks over all that was not removed.
  removed: `SELECT k1, k2, k3 FROM facts INDEXED BY facts_removed
    WHERE kind = ? AND k1 > ? AND body IS NULL ORDER BY k1 LIMIT ?`,
  entries: `SELECT revision, time, actor, reason, effects, previous, hash FROM journal
    WHERE revision > ? AND revision <= ? ORDER BY revision`,
  entriesBack: `SELECT revision, time, actor, reason, effects, previous, hash FROM journal
    WHERE revision > ? AND revision <= ? ORDER BY revision DESC`,
  last: `SELECT revision, hash FROM journal WHERE revision = (SELECT max(revision) FROM journal)`,
} as const
