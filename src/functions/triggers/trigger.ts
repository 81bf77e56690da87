import type { Now } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { CloudEvent } from '../payload/cloud-event.ts'

/** What calls a function when nobody does. */
export interface Trigger {
  readonly counters: TriggerCounters
  start(): void
  /** Begins nothing any more; resolves when what the queue was asked is answered, or a second has passed. */
  close(): Promise<void>
}

/** Since the start. */
interface TriggerCounters {
  /** Events that are in the queue. */
  readonly fired: number
  /** Events the queue has not taken: runs that were given up, or attempts with a file, which stays. */
  readonly failed: number
  /** Runs that were due and not emitted at all; files that were refused. */
  readonly missed: number
}

/**
 * Resolves when the event is durable in the function's queue, which takes a key once. Rejects, or is aborted, when it
 * may not be: the same event is emitted again.
 */
export type Emit = (event: CloudEvent, idempotencyKey: string, signal: AbortSignal) => Promise<void>

export interface TriggerOptions {
  /** Whom the events are for. */
  readonly namespace: string
  readonly functionName: string
  readonly emit: Emit
  readonly logger: Logger
  readonly now: Now
  readonly wallNow: Now
  readonly random: Random
}

/** The queue has so long for one answer. */
const answerMs = 10_000

/** Nor does it hold up the end of the host. */
const lastAnswerMs = 1000

/** The end of a trigger. */
export class TriggerEnd {
  readonly #patience = new AbortController()
  #begun = false

  /** From here on nothing new is begun. */
  get begun(): boolean {
    return this.#begun
  }

  /** For what was begun before. */
  get signal(): AbortSignal {
    return this.#patience.signal
  }

  /** Until what it does is over. */
  async wait(running: Promise<void>): Promise<void> {
    this.#begun = true
    const giveUp = (): void => this.#patience.abort(new Error('the trigger ends'))
    const timer = setTimeout(giveUp, lastAnswerMs)
    await running
    clearTimeout(timer)
  }
}

/** The CloudEvents `source` of what a trigger of the function emits. */
export function triggerSource({ namespace, functionName }: TriggerOptions): string {
  return `/functions/${encodeURIComponent(namespace)}/${encodeURIComponent(functionName)}`
}

/** What the queue answers. Rejects with its error, when its time is over, or with the signal's reason. */
export async function askQueue<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  signal.throwIfAborted()
  const attempt = new AbortController()
  const stop = (): void => attempt.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  const timer = setTimeout(() => {
    attempt.abort(new Error(`the queue has not answered within ${answerMs} ms`))
  }, answerMs)
  try {
    return await Promise.race([ask(attempt.signal), rejection(attempt.signal)])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}

async function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
