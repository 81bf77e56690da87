/** Of a probe. */
export interface Verdict {
  readonly healthy: boolean
  /** For people: what was found. */
  readonly reason: string
}
