import type { Random } from '../../base/random.ts'

/** How events are run: the defaults are those of AWS Lambda. */
export interface DeliveryPolicy {
  /** After a function has failed, 0 to 2 with AWS. */
  readonly retries: number
  /** Before the first retry, doubled for each further. */
  readonly backoffMs: number
  /** Events that are older are given up. */
  readonly maxAgeMs: number
  /** Events that run at once. */
  readonly concurrency: number
  /** Who is told of events that were given up, as `deliver` understands it. Undefined: nobody, they are dropped. */
  readonly onFailure: string | undefined
  readonly onSuccess: string | undefined
}

export const defaultPolicy: DeliveryPolicy = {
  retries: 2,
  backoffMs: 60_000,
  maxAgeMs: 6 * 3_600_000,
  concurrency: 10,
  onFailure: undefined,
  onSuccess: undefined,
}

const firstThrottleMs = 1000
const longestThrottleMs = 5 * 60_000

/** Wait after a run that failed, where `attempts` failed before it. */
export function retryDelayMs({ backoffMs }: DeliveryPolicy, attempts: number): number {
  return backoffMs * 2 ** attempts
}

/**
 * Wait after something that is no fault of the event, where it has happened `times` before: anything up to a bound that
 * doubles, so that those who were turned away together do not come back together.
 */
export function throttleDelayMs(times: number, random: Random): number {
  return random() * Math.min(longestThrottleMs, firstThrottleMs * 2 ** times)
}
