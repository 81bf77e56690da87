/** What is known of a function's instances when one more invocation asks to wait for them. */
export interface Backlog {
  /** Before it. */
  readonly queued: number
  /** Invocations that all instances which there are, or may be, take at once. */
  readonly slots: number
  /** Mean time of an invocation; undefined before the first has ended. */
  readonly serviceMs: number | undefined
  /** Until an instance that starts now is ready; 0 when some are ready. */
  readonly coldMs: number
}

/**
 * How long one more invocation will probably wait, by Little's law: whoever is told at once that this is too long can
 * go elsewhere, where a queue of fixed length would have let it wait in vain.
 */
export function expectedWaitMs({ queued, slots, serviceMs, coldMs }: Backlog): number {
  const turns = Math.floor(queued / Math.max(1, slots))
  return coldMs + turns * (serviceMs ?? 0)
}
