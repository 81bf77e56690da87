import type { QueuedEvent } from './event-queue.ts'

/** What became of one run of an event. */
export type Outcome =
  | { readonly kind: 'success'; readonly result: Buffer; readonly version: string }
  /** The function has failed, or its runtime: timeouts and exits too. */
  | {
      readonly kind: 'function-error'
      /** JSON, as the Invoke API would give it. */
      readonly document: Buffer
      readonly errorType: string
      readonly version: string
    }
  /** It did not run: no room, nowhere to run, or we failed. */
  | { readonly kind: 'throttled' | 'unavailable' | 'system-error'; readonly detail: string }

/** Runs an event. It should end when `signal` is aborted; it is not waited for after that. */
export type Invoke = (event: QueuedEvent, signal: AbortSignal) => Promise<Outcome>
