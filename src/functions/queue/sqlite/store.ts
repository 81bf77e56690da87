import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { Now } from '../../../base/clock.ts'
import { AnchoredClock } from './anchored-clock.ts'
import { maxEventBytes, type GiveBack, type NewEvent, type PutResult } from '../event-queue.ts'
import type { QueuedEvent } from '../event-queue.ts'
import { IdempotencyKeys } from './idempotency-keys.ts'
import { Leases } from './leases.ts'
import { describeFailure, isDamage, isDiskFailure } from './database.ts'
import { openDatabase, setAside } from './database.ts'
import type { LeaseHandle, StoreCommand, StoreLimits, StoreNotice } from './protocol.ts'
import { failedResult, type StoreReply, type StoreResult, type Taken } from './protocol.ts'
import { prepareStatements, type Statements } from './statements.ts'

export interface SqliteStoreOptions {
  readonly path: string
  readonly limits: StoreLimits
  readonly now: Now
  readonly wallNow: Now
}

type WriteCommand = Extract<StoreCommand, { kind: 'put' | 'acknowledge' | 'give-back' }>

/** A file that could not be opened is not tried again sooner. */
const reopenAfterMs = 5000

/**
 * The events of one function in a file. Blocks: it is made for a thread of its own. Commands that come together are one
 * transaction, so that they share one flush of the disk.
 */
export class SqliteStore {
  readonly #options: SqliteStoreOptions
  readonly #clock: AnchoredClock
  readonly #leases = new Leases()
  /** Acknowledged, and still on a disk that did not take it: never delivered, removed as soon as it does. */
  readonly #unsaved = new Set<number>()
  /** Rows whose leases end when the transaction is through. */
  readonly #released: number[] = []
  #notices: StoreNotice[] = []
  #database: DatabaseSync | undefined
  #statements!: Statements
  #keys!: IdempotencyKeys
  #events = 0
  #bytes = 0
  #reopenAt = Number.NEGATIVE_INFINITY
  #openFailure = ''

  constructor(options: SqliteStoreOptions) {
    this.#options = options
    this.#clock = new AnchoredClock(options.now, options.wallNow)
  }

  /** Does what it can with any disk: results say what was not possible. @throws only on our own mistakes. */
  run(commands: readonly StoreCommand[]): StoreReply {
    const results = this.#isOpen() ? this.#runOpen(commands) : this.#failAll(commands)
    const notices = this.#notices
    this.#notices = []
    return { results, depth: this.#depth(), notices }
  }

  close(): void {
    this.#database?.close()
    this.#database = undefined
  }

  #isOpen(): boolean {
    const { now } = this.#options
    if (this.#database !== undefined) return true
    if (now() < this.#reopenAt) return false
    try {
      this.#open()
      return true
    } catch (error) {
      if (!isDiskFailure(error) && (error as NodeJS.ErrnoException).code === undefined) throw error
      this.close()
      this.#reopenAt = now() + reopenAfterMs
      this.#openFailure = describeFailure(error)
      this.#notice(`cannot open the queue of events; tried again every ${reopenAfterMs} ms`)
      return false
    }
  }

  #open(): void {
    const { path, limits } = this.#options
    try {
      this.#database = openDatabase(path, limits.maxPages)
      this.#load(this.#database)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#replace(error)
      this.#database = openDatabase(path, limits.maxPages)
      this.#load(this.#database)
    }
  }

  #load(database: DatabaseSync): void {
    this.#statements = prepareStatements(database)
    this.#keys = new IdempotencyKeys(this.#statements, this.#options.limits)
    const at = this.#clock.at()
    this.#statements.clampTimes.run({ at })
    this.#statements.clampKeys.run({ at })
    const { events, bytes } = this.#statements.totals.get() ?? {}
    this.#events = Number(events)
    this.#bytes = Number(bytes)
  }

  /** The damaged file stays, for whoever can save something from it. */
  #replace(error: unknown): void {
    const { path, wallNow } = this.#options
    try {
      this.close()
    } catch {
      // It is damaged; its lock ends with the handle, at the latest with the process.
      this.#database = undefined
    }
    this.#leases.clear()
    this.#unsaved.clear()
    const aside = setAside(path, Math.floor(wallNow()))
    this.#openFailure = (error as Error).message
    this.#notices.push({
      fields: { path, aside, detail: this.#openFailure, remedy: `sqlite3 ${aside} .recover` },
      message: 'the queue of events was damaged: it is set aside, and a new one begun',
    })
  }

  #notice(message: string): void {
    const { path } = this.#options
    this.#notices.push({ fields: { path, detail: this.#openFailure }, message })
  }

  #runOpen(commands: readonly StoreCommand[]): StoreResult[] {
    try {
      this.#saveUnsaved()
      const written = this.#write(commands.filter(isWrite)).values()
      // Reads see what was written with them, and grant nothing that is taken back with a transaction.
      return commands.map(command =>
        isWrite(command) ? (written.next().value as StoreResult) : this.#read(command),
      )
    } catch (error) {
      if (isDamage(error)) this.#replace(error)
      else if (!isDiskFailure(error)) throw error
      else this.#openFailure = describeFailure(error)
      return this.#failAll(commands)
    }
  }

  /** All in one transaction; where the disk refuses, each in its own, so that one too many fails alone. */
  #write(commands: readonly WriteCommand[]): StoreResult[] {
    if (commands.length === 0) return []
    try {
      return this.#transaction(() => commands.map(command => this.#execute(command)))
    } catch (error) {
      if (isDamage(error) || !isDiskFailure(error)) throw error
      const [first] = commands
      if (commands.length === 1 && first !== undefined) return [this.#refuse(first, error)]
      return commands.flatMap(command => this.#write([command]))
    }
  }

  #transaction<T>(work: () => T): T {
    const database = this.#database as DatabaseSync
    const [events, bytes] = [this.#events, this.#bytes]
    this.#released.length = 0
    database.exec('BEGIN')
    try {
      const result = work()
      database.exec('COMMIT')
      for (const row of this.#released) this.#leases.release(row)
      return result
    } catch (error) {
      ;[this.#events, this.#bytes] = [events, bytes]
      // Some failures have rolled it back already (sqlite.org/lang_transaction.html).
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }

  #execute(command: WriteCommand): StoreResult {
    switch (command.kind) {
      case 'put':
        return this.#put(command.event)
      case 'acknowledge':
        return this.#ifHeld(command.handle, row => this.#remove(row))
      case 'give-back':
        return this.#ifHeld(command.handle, row => this.#giveBack(row, command.change))
      default:
        return command satisfies never
    }
  }

  #ifHeld(handle: LeaseHandle, work: (row: number) => void): boolean {
    if (!this.#leases.holds(handle) || this.#unsaved.has(handle.row)) return false
    work(handle.row)
    this.#released.push(handle.row)
    return true
  }

  #put(event: NewEvent): PutResult {
    const at = this.#clock.at()
    const { id, idempotencyKey: key } = event
    const first = key === undefined ? undefined : this.#keys.find(key, at)
    if (first !== undefined) return { kind: 'duplicate', id: first }
    const bytes = sizeOf(event)
    const refusal = this.#refusal(event, bytes)
    if (refusal !== undefined) return refusal
    const { qualifier = null, clientContext = null, traceId = null, payload } = event
    const { addEvent, addPayload } = this.#statements
    const columns = [id, qualifier, clientContext, traceId, at, at, bytes]
    const { lastInsertRowid: row } = addEvent.run(...columns)
    addPayload.run(row, payload)
    if (key !== undefined) this.#keys.add(key, id, at)
    this.#events++
    this.#bytes += bytes
    return { kind: 'stored', id }
  }

  #refusal({ payload }: NewEvent, bytes: number): PutResult | undefined {
    const { maxEvents, maxBytes } = this.#options.limits
    if (payload.length > maxEventBytes)
      return refused('too-large', `an event has at most ${maxEventBytes} bytes`)
    if (this.#events >= maxEvents) return refused('count', `${maxEvents} events wait already`)
    if (this.#bytes + bytes > maxBytes)
      return refused('bytes', `events of ${maxBytes} bytes wait already`)
    return undefined
  }

  #remove(row: number): void {
    const removed = this.#statements.removeEvent.get(row)
    if (removed === undefined) return
    this.#statements.removePayload.run(row)
    this.#events--
    this.#bytes -= Number(removed['bytes'])
  }

  #giveBack(row: number, { delayMs, attempts, throttles, verdict }: GiveBack): void {
    const old = this.#statements.event.get(row)
    if (old === undefined) return
    const delay = Math.ceil(delayMs)
    const grown = Buffer.byteLength(verdict ?? '') - Buffer.byteLength(textOf(old['verdict']) ?? '')
    const bytes = Number(old['bytes']) + grown
    const due = this.#clock.at() + delay
    const columns = [due, delay, attempts, throttles, verdict ?? null, bytes, row]
    this.#statements.giveBack.run(...columns)
    this.#bytes += grown
  }

  /**
   * A disk that is full refuses to forget, too. Who has dealt with an event is done all the same: it is kept from being
   * delivered here. One that is given back waits as it should, but what was to be noted with it is lost.
   */
  #refuse(command: WriteCommand, error: unknown): StoreResult {
    if (command.kind === 'put') return refused('disk', describeFailure(error))
    const { handle } = command
    if (!this.#leases.holds(handle)) return false
    const done = command.kind === 'acknowledge'
    const until = done ? Number.POSITIVE_INFINITY : this.#clock.at() + command.change.delayMs
    if (done) this.#unsaved.add(handle.row)
    return this.#leases.extend(handle, until)
  }

  #saveUnsaved(): void {
    if (this.#unsaved.size === 0) return
    try {
      this.#transaction(() => {
        for (const row of this.#unsaved) this.#remove(row)
        this.#released.push(...this.#unsaved)
      })
      this.#unsaved.clear()
    } catch (error) {
      // Still full: the next command tries again.
      if (isDamage(error) || !isDiskFailure(error)) throw error
    }
  }

  #read(command: Exclude<StoreCommand, WriteCommand>): StoreResult {
    const { leaseMs } = command
    if (command.kind === 'take') return this.#take(command.max, leaseMs)
    return (
      !this.#unsaved.has(command.handle.row) &&
      this.#leases.extend(command.handle, this.#clock.at() + leaseMs)
    )
  }

  #take(max: number, leaseMs: number): Taken {
    const at = this.#clock.at()
    const rows = this.#statements.byDue.all(max + this.#leases.size)
    const free = rows.filter(({ row }) => this.#leases.isFree(Number(row), at))
    const due = free.filter(row => Number(row['due']) <= at).slice(0, max)
    const events = due.map(({ row }) => ({
      event: this.#event(Number(row), at),
      handle: this.#leases.grant(Number(row), at + leaseMs),
    }))
    if (events.length > 0) return { events, nextInMs: 0 }
    const [waiting] = free
    const next = Math.min(
      waiting === undefined ? Infinity : Number(waiting['due']),
      this.#leases.nextExpiry ?? Infinity,
    )
    return { events, nextInMs: Number.isFinite(next) ? Math.max(0, next - at) : undefined }
  }

  #event(row: number, at: number): QueuedEvent {
    const stored = this.#statements.event.get(row) ?? {}
    const payload = this.#statements.payload.get(row)?.['payload']
    const enqueuedAt = Number(stored['enqueued'])
    return {
      id: textOf(stored['id']) ?? '',
      qualifier: textOf(stored['qualifier']),
      // A payload of no bytes is stored as NULL.
      payload: payload instanceof Uint8Array ? asBuffer(payload) : Buffer.alloc(0),
      clientContext: textOf(stored['clientContext']),
      traceId: textOf(stored['traceId']),
      enqueuedAt,
      ageMs: Math.max(0, at - enqueuedAt),
      attempts: Number(stored['attempts']),
      throttles: Number(stored['throttles']),
      verdict: textOf(stored['verdict']),
    }
  }

  #failAll(commands: readonly StoreCommand[]): StoreResult[] {
    return commands.map(command => failedResult(command, 'disk', this.#openFailure))
  }

  #depth(): StoreReply['depth'] {
    const events = this.#events - this.#unsaved.size
    if (this.#database === undefined || events === 0)
      return { events, bytes: this.#bytes, oldestAgeMs: 0 }
    const enqueued = Number(this.#statements.oldest.get()?.['enqueued'])
    return { events, bytes: this.#bytes, oldestAgeMs: Math.max(0, this.#clock.at() - enqueued) }
  }
}

function isWrite(command: StoreCommand): command is WriteCommand {
  return command.kind === 'put' || command.kind === 'acknowledge' || command.kind === 'give-back'
}

function refused(reason: 'count' | 'bytes' | 'too-large' | 'disk', detail: string): PutResult {
  return { kind: 'refused', reason, detail }
}

function sizeOf({ payload, clientContext = '', traceId = '' }: NewEvent): number {
  return payload.length + Buffer.byteLength(clientContext) + Buffer.byteLength(traceId)
}

function textOf(value: SQLOutputValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
