import type { ErrorCode } from '../base/errors.ts'
import { errorTable } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { RetryPolicy } from '../model/route.ts'
import type { RetryBudget } from './retry-budget.ts'

/** One failed attempt and what is left to the request. The caller's exchange object can serve as one. */
export interface FailedAttempt {
  /** Monotonic milliseconds. */
  readonly now: number
  readonly random: Random
  /** Wall clock, in ms since 1970, for a `retry-after` that is a date. */
  readonly wallNow: number
  readonly method: string
  /** The request has an `Idempotency-Key`. */
  readonly idempotencyKey: boolean
  /** 1 for the first attempt. */
  readonly attempt: number
  /** Why no answer came, or the status of the answer that came. */
  readonly outcome: ErrorCode | number
  /** Of a gRPC call that was answered so, before any message; then it alone decides. */
  readonly grpcStatus?: number | undefined
  /** Value of the answer's `retry-after`. */
  readonly retryAfter?: string | undefined
  /** Value of the answer's `grpc-retry-pushback-ms` (gRFC A6). */
  readonly pushback?: string | undefined
  /** The attempt rode on a connection that had served before. */
  readonly connectionReused: boolean
  /** The whole request is at hand to be sent again: no body, or a body buffered in full. */
  readonly bodyReplayable: boolean
  /** Head bytes of an answer went downstream. */
  readonly responseStarted: boolean
  /** Until the request's deadline; Infinity without one. */
  readonly remainingMs: number
  /**
   * Some hop repeats it already: one below has tried again in vain, or one above is trying again and this request is a
   * part of that. Retries of several hops would multiply.
   */
  readonly repeatedElsewhere: boolean
}

type GiveUpReason =
  | 'response-started'
  | 'not-retryable'
  | 'attempts-spent'
  | 'repeated-elsewhere'
  | 'body-not-replayable'
  | 'retry-after-too-long'
  | 'deadline'
  | 'budget-spent'

export type RetryDecision =
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'give-up'; readonly reason: GiveUpReason }

/** RFC 9110 §9.2.2. */
const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** A server that asks for more patience than this gets its answer passed on instead. */
const maxRetryAfterMs = 5000

/** The back-off grows up to this many times the first. */
const maxBackoffFactor = 10

/** Whether and when to try again. Takes from the budget only when it says yes. */
export function decideRetry(
  policy: RetryPolicy,
  failed: FailedAttempt,
  budget: RetryBudget,
): RetryDecision {
  if (failed.responseStarted) return giveUp('response-started')
  if (!isRetryable(policy, failed)) return giveUp('not-retryable')
  if (failed.repeatedElsewhere && !isUnseen(failed)) return giveUp('repeated-elsewhere')
  if (failed.attempt > policy.attempts) return giveUp('attempts-spent')
  if (!failed.bodyReplayable) return giveUp('body-not-replayable')

  const askedMs = parseRetryAfter(failed) || parsePushback(failed.pushback)
  if (askedMs > maxRetryAfterMs) return giveUp('retry-after-too-long')
  const delayMs = Math.max(askedMs, (policy.leastBackoffMs ?? 0) + backoff(policy, failed))
  if (delayMs >= failed.remainingMs) return giveUp('deadline')
  if (!budget.tryWithdraw(failed.now)) return giveUp('budget-spent')
  return { kind: 'retry', delayMs }
}

/** Whether it may be done twice, by its method or by the word of the policy about its `Idempotency-Key`. */
export function isIdempotent(
  policy: RetryPolicy,
  { method, idempotencyKey }: Pick<FailedAttempt, 'method' | 'idempotencyKey'>,
): boolean {
  return idempotentMethods.has(method) || (idempotencyKey && policy.idempotencyKey === true)
}

function isRetryable(policy: RetryPolicy, failed: FailedAttempt): boolean {
  const idempotent = isIdempotent(policy, failed)
  // Every call is a POST: that it may be repeated is for the policy to say.
  if (failed.grpcStatus !== undefined)
    return policy.grpcStatuses?.includes(failed.grpcStatus) === true
  if (typeof failed.outcome === 'number')
    return idempotent && policy.statuses.includes(failed.outcome)
  switch (errorTable[failed.outcome].retryable) {
    case 'always':
      return true
    case 'idempotent':
      return idempotent
    case 'if-reused':
      return idempotent || isKeepAliveRace(failed)
    case 'never':
      return false
  }
}

/** Only once: a second close in a row is no race, and the application may have read the request. */
function isKeepAliveRace(failed: FailedAttempt): boolean {
  return failed.connectionReused && failed.attempt === 1
}

/** Full jitter: anything up to the doubled step, which spreads the retries of a crowd best. */
function backoff(policy: RetryPolicy, failed: FailedAttempt): number {
  if (failed.attempt === 1 && isHarmless(failed)) return 0
  const factor = Math.min(2 ** (failed.attempt - 1), maxBackoffFactor)
  return failed.random() * policy.backoffMs * factor
}

/** The application never saw the attempt, so another endpoint may be asked at once. */
function isHarmless(failed: FailedAttempt): boolean {
  if (typeof failed.outcome === 'number') return false
  const { retryable } = errorTable[failed.outcome]
  return retryable === 'always' || (retryable === 'if-reused' && isKeepAliveRace(failed))
}

/** No application has it to do, so that nothing multiplies. */
function isUnseen({ outcome }: FailedAttempt): boolean {
  return typeof outcome !== 'number' && errorTable[outcome].retryable === 'always'
}

const imfFixdate =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * Seconds, or the time until a date, as ms; 0 when absent, or when the date has passed (RFC 9110 §10.2.3). Anything
 * unreadable is taken as too long to wait for.
 */
function parseRetryAfter({ retryAfter: value, wallNow }: FailedAttempt): number {
  if (value === undefined) return 0
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const at = imfFixdate.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? Number.POSITIVE_INFINITY : Math.max(0, at - wallNow)
}

/** Milliseconds; 0 when absent. A negative number, or anything unreadable, asks not to come again. */
function parsePushback(value: string | undefined): number {
  if (value === undefined) return 0
  return /^\d{1,9}$/.test(value) ? Number(value) : Number.POSITIVE_INFINITY
}

function giveUp(reason: GiveUpReason): RetryDecision {
  return { kind: 'give-up', reason }
}
