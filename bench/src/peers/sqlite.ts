import { DatabaseSync } from 'node:sqlite'
import type { Fact } from '@castellan/engine'
import type { StringFloor } from '../floors/strings.ts'

/**
 * One recursive query over four indexed tables, in memory: parties and places met on the way back from the actor,
 * up through folders, over to groups, and on to issuers, until one owns the place. The only peer that is given the
 * whole world as it is.
 */
export interface SqlitePeer extends StringFloor {
  close(): void
}

const QUERY = `
WITH RECURSIVE state(who, place, rank) AS (
  SELECT ?1, value, ?3 FROM json_each(?2)
  UNION
  SELECT membership.party, state.place, state.rank
    FROM state JOIN membership ON membership.member = state.who
  UNION
  SELECT state.who, place.above, state.rank
    FROM state JOIN place ON place.id = state.place WHERE place.above IS NOT NULL
  UNION
  SELECT given.issuer, given.place, given.rank
    FROM state JOIN given ON given.holder = state.who AND given.place = state.place AND given.rank >= state.rank
)
SELECT 1 FROM state
WHERE who = 'system' OR EXISTS (SELECT 1 FROM place WHERE place.id = state.place AND place.owner = state.who)
LIMIT 1`

const RANKS = ['see', 'list', 'read', 'write']

export function openSqlitePeer(facts: Iterable<Fact>): SqlitePeer {
  const database = new DatabaseSync(':memory:')
  database.exec(`
    CREATE TABLE given (holder TEXT, place TEXT, rank INTEGER, issuer TEXT, PRIMARY KEY (holder, place, rank, issuer)) WITHOUT ROWID;
    CREATE TABLE place (id TEXT PRIMARY KEY, owner TEXT, above TEXT) WITHOUT ROWID;
    CREATE TABLE membership (member TEXT, party TEXT, PRIMARY KEY (member, party)) WITHOUT ROWID;
    BEGIN`)
  const addGiven = database.prepare('INSERT OR IGNORE INTO given VALUES (?, ?, ?, ?)')
  const addPlace = database.prepare('INSERT OR IGNORE INTO place VALUES (?, ?, ?)')
  const addMembership = database.prepare('INSERT OR IGNORE INTO membership VALUES (?, ?)')
  for (const fact of facts) {
    if (fact.kind === 'user') addMembership.run(`user:${fact.id}`, 'group:user')
    else if (fact.kind === 'member') addMembership.run(fact.member, `group:${fact.group}`)
    else if (fact.kind === 'resource')
      addPlace.run(fact.permission, fact.owner, fact.parent ?? prefixOf(fact.permission))
    else if (fact.kind === 'grant') {
      const { place, rank } = split(fact.permission)
      addGiven.run(fact.holder, place, rank, fact.issuer)
      addPlace.run(place, null, prefixOf(place))
      const slash = fact.holder.indexOf('/')
      if (slash >= 0) addMembership.run(fact.holder, fact.holder.slice(slash + 1))
    }
  }
  database.exec('COMMIT; ANALYZE')
  const query = database.prepare(QUERY)

  return {
    check(actor, permission) {
      const { place, rank } = split(permission)
      return query.get(actor, JSON.stringify(prefixesOf(place)), rank) !== undefined
    },
    close() {
      database.close()
    },
  }
}

function split(permission: string): { place: string; rank: number } {
  const mode = permission.startsWith('fs:') ? permission.indexOf(':', 3) : -1
  return mode < 0
    ? { place: permission, rank: RANKS.length }
    : { place: permission.slice(0, mode), rank: RANKS.indexOf(permission.slice(mode + 1)) }
}

function prefixesOf(place: string): string[] {
  const prefixes = [place]
  for (let at = prefixOf(place); at !== null; at = prefixOf(at)) prefixes.push(at)
  return prefixes
}

function prefixOf(place: string): string | null {
  const colon = place.lastIndexOf(':')
  return colon < 0 ? null : place.slice(0, colon)
}
