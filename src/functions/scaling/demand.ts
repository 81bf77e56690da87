/** What is known of a function when invocations wait for it. */
export interface Demand {
  readonly queued: number
  /** Of the one that came first. */
  readonly oldestWaitMs: number
  /** Instances that work, or can. */
  readonly ready: number
  readonly starting: number
  /** Invocations at once in one instance. */
  readonly concurrency: number
  /** Mean time of an invocation; undefined before the first has ended. */
  readonly serviceMs: number | undefined
  /** Mean time from the start of an instance until it takes its first event. */
  readonly coldMs: number
}

/**
 * How many instances to start for what waits. None while those that work will get to it sooner than a new one could:
 * it would come too late, and take their processor until then. Whoever has waited for as long as a start takes was
 * promised too much.
 */
export function instancesToStart(demand: Demand): number {
  const { queued, oldestWaitMs, ready, starting, concurrency, serviceMs, coldMs } = demand
  const turns = Math.ceil(queued / Math.max(1, ready * concurrency))
  const soonEnough = ready > 0 && serviceMs !== undefined && turns * serviceMs <= coldMs
  if (soonEnough && oldestWaitMs < coldMs) return 0
  return Math.max(0, Math.ceil(queued / concurrency) - starting)
}
