import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const schemaVersion = 1
const busyTimeoutMs = 1000

/** Payloads stand apart, so that a new due time does not write a megabyte again. */
const schema = `
  CREATE TABLE events (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL, qualifier TEXT, clientContext TEXT, traceId TEXT,
    enqueued INTEGER NOT NULL, due INTEGER NOT NULL, delay INTEGER NOT NULL,
    attempts INTEGER NOT NULL, throttles INTEGER NOT NULL, bytes INTEGER NOT NULL, verdict TEXT
  ) STRICT;
  CREATE INDEX eventsByDue ON events (due, row);
  CREATE TABLE payloads (row INTEGER PRIMARY KEY, payload BLOB) STRICT;
  CREATE TABLE keys (key TEXT PRIMARY KEY, id TEXT NOT NULL, seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX keysBySeen ON keys (seen);
  PRAGMA user_version = ${schemaVersion};
`

/** sqlite.org/rescode.html */
const codes = { full: 13, corrupt: 11, notADatabase: 26 } as const

/** The primary result code of an error of SQLite; undefined for any other. */
function sqliteCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === 'number' ? errcode & 0xff : undefined
}

class DamagedFile extends Error {}

/** Whether the file itself is broken, or not ours. */
export function isDamage(error: unknown): boolean {
  const code = sqliteCode(error)
  return error instanceof DamagedFile || code === codes.corrupt || code === codes.notADatabase
}

/** Whether SQLite, and not our code, has failed: what its disk does may pass. */
export function isDiskFailure(error: unknown): boolean {
  return sqliteCode(error) !== undefined
}

export function describeFailure(error: unknown): string {
  if (sqliteCode(error) === codes.full)
    return 'the disk, or the room that the queue may use, is full'
  return (error as Error).message
}

/** @throws Error of SQLite; {@link isDamage} tells whether another try can help. */
export function openDatabase(path: string, maxPages: number): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs })
  try {
    prepare(database, maxPages)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * The lock is held for good: a second process would deliver everything twice. It must be asked for before the log is
 * (sqlite.org/wal.html §8), which then needs no shared memory, so that a full disk can't end us by SIGBUS.
 * FULL flushes the log at each commit: what was committed outlives a loss of power.
 */
function prepare(database: DatabaseSync, maxPages: number): void {
  database.exec(`
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA max_page_count = ${maxPages};
  `)
  const version = database.prepare('PRAGMA user_version').get()?.['user_version']
  if (version === 0) database.exec(`BEGIN IMMEDIATE; ${schema} COMMIT;`)
  else if (version !== schemaVersion)
    throw new DamagedFile(`its schema has version ${String(version)}, not ${schemaVersion}`)
  const finding = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (finding !== 'ok') throw new DamagedFile(String(finding))
}

/** Gives a damaged file, and the log that belongs to it, another name. @returns the name. */
export function setAside(path: string, at: number): string {
  let aside = `${path}.damaged-${at}`
  for (let number = 2; existsSync(aside); number++) aside = `${path}.damaged-${at}-${number}`
  for (const suffix of ['-wal', '-shm', '-journal', ''])
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  return aside
}
