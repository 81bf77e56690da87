/** When an idempotent request that is not answered yet is sent to another endpoint as well. */
export interface HedgingPolicy {
  /** The wait before the next try: fixed, or what so many percent of tries are answered within. */
  readonly after: { readonly delayMs: number } | { readonly percentile: number }
  /** Tries at a time, with the first. Default 2. */
  readonly maxAttempts: number
}

/** Tries at a time that a policy may ask for. */
export const mostHedgedAttempts = 4
