/** A suite of others' making, run against real sidecars. */
export interface Suite {
  readonly name: string
  /** @throws Missing when a tool that it needs is not here. */
  run(): Promise<Outcome>
}

export interface Outcome {
  readonly passed: number
  readonly total: number
  /** What failed, a line each. */
  readonly failures: readonly string[]
}

/** A suite can't run here; the message says what to install. */
export class Missing extends Error {
  override readonly name = 'Missing'
}
