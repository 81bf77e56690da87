import type { Random } from './random.ts'

export interface BackoffOptions {
  /** Upper bound of the first wait. */
  readonly baseMs: number
  readonly maxMs: number
}

/**
 * Wait before the next attempt after `failures` (1 or more) in a row: doubled by each, then spread over its upper
 * half, so that a fleet that lost its peer at once does not return at once.
 */
export function backoff(
  failures: number,
  { baseMs, maxMs }: BackoffOptions,
  random: Random,
): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** (failures - 1))
  return ceiling / 2 + (ceiling / 2) * random()
}
