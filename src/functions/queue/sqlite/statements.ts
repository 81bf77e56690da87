import type { DatabaseSync, StatementSync } from 'node:sqlite'

export type Statements = ReturnType<typeof prepareStatements>

/** What the store asks its database, prepared once. */
export function prepareStatements(database: DatabaseSync) {
  const prepare = (sql: string): StatementSync => database.prepare(sql)
  return {
    addEvent: prepare(`
      INSERT INTO events
        (id, qualifier, clientContext, traceId, enqueued, due, delay, attempts, throttles, bytes)
      VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, ?)`),
    addPayload: prepare('INSERT INTO payloads (row, payload) VALUES (?, ?)'),
    event: prepare('SELECT * FROM events WHERE row = ?'),
    payload: prepare('SELECT payload FROM payloads WHERE row = ?'),
    byDue: prepare('SELECT row, due FROM events ORDER BY due, row LIMIT ?'),
    removeEvent: prepare('DELETE FROM events WHERE row = ? RETURNING bytes'),
    removePayload: prepare('DELETE FROM payloads WHERE row = ?'),
    giveBack: prepare(`
      UPDATE events SET due = ?, delay = ?, attempts = ?, throttles = ?, verdict = ?, bytes = ?
      WHERE row = ?`),
    totals: prepare('SELECT count(*) AS events, coalesce(sum(bytes), 0) AS bytes FROM events'),
    oldest: prepare('SELECT enqueued FROM events ORDER BY row LIMIT 1'),
    // What a clock that was set back would hold for hours, and what it would call older than it is.
    clampTimes: prepare(`
      UPDATE events SET due = min(due, :at + delay), enqueued = min(enqueued, :at)
      WHERE due > :at + delay OR enqueued > :at`),
    clampKeys: prepare('UPDATE keys SET seen = :at WHERE seen > :at'),
    key: prepare('SELECT id FROM keys WHERE key = ? AND seen > ?'),
    addKey: prepare('INSERT OR REPLACE INTO keys (key, id, seen) VALUES (?, ?, ?)'),
    removeOldKeys: prepare('DELETE FROM keys WHERE seen <= ?'),
    countKeys: prepare('SELECT count(*) AS keys FROM keys'),
    removeFirstKeys: prepare(
      'DELETE FROM keys WHERE key IN (SELECT key FROM keys ORDER BY seen LIMIT ?)',
    ),
  }
}
