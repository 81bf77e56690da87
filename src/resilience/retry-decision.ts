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
  readonly method: string
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
}

type GiveUpReason =
  | 'response-started'
  | 'not-retryable'
  | 'attempts-spent'
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
  if (failed.attempt > policy.attempts) return giveUp('attempts-spent')
  if (!failed.bodyReplayable) return giveUp('body-not-replayable')

  const askedMs = parseRetryAfter(failed.retryAfter) || parsePushback(failed.pushback)
  if (askedMs > maxRetryAfterMs) return giveUp('retry-after-too-long')
  const delayMs = Math.max(askedMs, (policy.leastBackoffMs ?? 0) + backoff(policy, failed))
  if (delayMs >= failed.remainingMs) return giveUp('deadline')
  if (!budget.tryWithdraw(failed.now)) return giveUp('budget-spent')
  return { kind: 'retry', delayMs }
}

function isRetryable(policy: RetryPolicy, failed: FailedAttempt): boolean {
  const idempotent = idempotentMethods.has(failed.method)
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

/** Seconds as ms; 0 when absent. A date, or anything unreadable, is taken as too long to wait for. */
function parseRetryAfter(value: string | undefined): number {
  if (value === undefined) return 0
  return /^\d+$/.test(value) ? Number(value) * 1000 : Number.POSITIVE_INFINITY
}

/** Milliseconds; 0 when absent. A negative number, or anything unreadable, asks not to come again. */
function parsePushback(value: string | undefined): number {
  if (value === undefined) return 0
  return /^\d{1,9}$/.test(value) ? Number(value) : Number.POSITIVE_INFINITY
}

function giveUp(reason: GiveUpReason): RetryDecision {
  return { kind: 'give-up', reason }
}
