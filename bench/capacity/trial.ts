/** What one trial found. */
export interface TrialResult {
  /** In words, with figures. */
  readonly findings: readonly string[]
  /** What was promised and did not hold; empty when all did. */
  readonly failures: readonly string[]
}

/** Something that a pair of sidecars must bear, tried once and not compared with anybody. */
export interface Trial {
  readonly name: string
  readonly promise: string
  run(): Promise<TrialResult>
}
