/** Largest payload of an asynchronous invocation: what AWS Lambda takes (docs.aws.amazon.com, "Lambda quotas"). */
export const maxEventBytes = 1024 * 1024

/** An event that somebody hands in, to be run later. */
export interface NewEvent {
  /** UUID: the request id. */
  readonly id: string
  /** The version or alias that was asked for. */
  readonly qualifier: string | undefined
  /** At most `maxEventBytes`. */
  readonly payload: Buffer
  /** JSON, decoded. */
  readonly clientContext: string | undefined
  /** `X-Amzn-Trace-Id`. */
  readonly traceId: string | undefined
  /** Events that carry a key which was seen within its window are taken for the first one sent once more. */
  readonly idempotencyKey: string | undefined
}

/** An event as it comes out of its queue. */
export interface QueuedEvent extends Omit<NewEvent, 'idempotencyKey'> {
  /** Wall clock, ms. */
  readonly enqueuedAt: number
  /** When it was taken: by a clock that does not jump, where there is one. */
  readonly ageMs: number
  /** Runs that failed and count. */
  readonly attempts: number
  /** Times it was given back without having failed. */
  readonly throttles: number
  /** What was to be told of it when it was given back; it has run then, and is not run again. */
  readonly verdict: string | undefined
}

/**
 * Why a put was turned down: too many events wait, or too many bytes of them; the payload is too large; the disk does
 * not take it; nobody answers, in which case it may have been stored all the same.
 */
export type PutRefusal = 'count' | 'bytes' | 'too-large' | 'disk' | 'unavailable'

/** `duplicate`: nothing was stored, `id` is that of the event which came first. */
export type PutResult =
  | { readonly kind: 'stored' | 'duplicate'; readonly id: string }
  | { readonly kind: 'refused'; readonly reason: PutRefusal; readonly detail: string }

export interface TakeOptions {
  /** Fewer may come. */
  readonly max: number
  /** How long they are nobody else's. */
  readonly leaseMs: number
  /** How long to wait for one that is due. */
  readonly waitMs: number
  /** Ends the wait. What has been leased by then is still handed out. */
  readonly signal: AbortSignal
}

export interface GiveBack {
  /** It is not due before. */
  readonly delayMs: number
  readonly attempts: number
  readonly throttles: number
  readonly verdict?: string | undefined
}

/** An event that is ours for a while. Each method tells whether the lease still held. */
export interface Lease {
  readonly event: QueuedEvent
  /** The event has been dealt with. Resolves when that is durable, as far as the disk takes it. */
  acknowledge(): Promise<boolean>
  giveBack(change: GiveBack): Promise<boolean>
  /** The lease lasts for `leaseMs` from now on. */
  extend(leaseMs: number): Promise<boolean>
}

export interface QueueDepth {
  /** All that are not acknowledged. */
  readonly events: number
  /** Undefined where the queue does not know. */
  readonly bytes: number | undefined
  /** 0 when there is none. */
  readonly oldestAgeMs: number
}

/**
 * A durable queue of the events of one function. Each is delivered at least once: what was leased when its process was
 * killed comes again.
 */
export interface EventQueue {
  /** As last known. */
  readonly depth: QueueDepth
  /** Resolves with `stored` only when the event would survive the end of this process. Never rejects. */
  put(event: NewEvent): Promise<PutResult>
  /** Those that are due, oldest first. Rejects when the queue cannot be read now. */
  take(options: TakeOptions): Promise<readonly Lease[]>
  /** Leases end with it. */
  close(): Promise<void>
}
