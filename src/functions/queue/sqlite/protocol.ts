import type { GiveBack, NewEvent, PutResult, QueuedEvent, QueueDepth } from '../event-queue.ts'

/** Which lease of which row: one that ran out, and was given to another, has an older token. */
export interface LeaseHandle {
  readonly row: number
  readonly token: number
}

/** What the store is asked, over a thread's port. */
export type StoreCommand =
  | { readonly kind: 'put'; readonly event: NewEvent }
  | { readonly kind: 'acknowledge'; readonly handle: LeaseHandle }
  | { readonly kind: 'give-back'; readonly handle: LeaseHandle; readonly change: GiveBack }
  | { readonly kind: 'extend'; readonly handle: LeaseHandle; readonly leaseMs: number }
  | { readonly kind: 'take'; readonly max: number; readonly leaseMs: number }

export interface Taken {
  readonly events: readonly { readonly handle: LeaseHandle; readonly event: QueuedEvent }[]
  /** Where there are none: until one may be due. Undefined when none wait. */
  readonly nextInMs: number | undefined
  /** The store could not be read. */
  readonly failure?: string
}

export interface StoreResults {
  readonly put: PutResult
  readonly acknowledge: boolean
  readonly 'give-back': boolean
  readonly extend: boolean
  readonly take: Taken
}

export type StoreResult = StoreResults[keyof StoreResults]

/** A line for the log. */
export interface StoreNotice {
  readonly fields: object
  readonly message: string
}

export interface StoreReply {
  /** One for each command, in their order. */
  readonly results: readonly StoreResult[]
  readonly depth: QueueDepth
  readonly notices: readonly StoreNotice[]
}

export interface StoreLimits {
  readonly maxEvents: number
  /** Of payloads, contexts and verdicts. */
  readonly maxBytes: number
  /** Of the database, in pages of 4096 bytes. Its log may add 4 MiB, and what one batch holds. */
  readonly maxPages: number
  /** How long an idempotency key is known. */
  readonly keyWindowMs: number
  /** The oldest give way. */
  readonly maxKeys: number
}

export interface StoreStart {
  readonly path: string
  readonly limits: StoreLimits
}

/** Nothing kept in the file depends on these: they may differ at each start. */
export const defaultLimits: StoreLimits = {
  maxEvents: 100_000,
  maxBytes: 256 * 1024 * 1024,
  maxPages: 98_304,
  keyWindowMs: 24 * 3_600_000,
  maxKeys: 100_000,
}

/** `stop`: finish, close the file, end. */
export type ThreadRequest = readonly StoreCommand[] | 'stop'

/** What a command comes to when the store does not do it. */
export function failedResult(
  { kind }: StoreCommand,
  reason: 'disk' | 'unavailable',
  detail: string,
): StoreResult {
  if (kind === 'put') return { kind: 'refused', reason, detail }
  return kind === 'take' ? { events: [], nextInMs: undefined, failure: detail } : false
}
