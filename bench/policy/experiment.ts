/** One question about policies, tried on real sidecars. */
export interface Experiment {
  readonly name: string
  /** @returns what was found, as lines of Markdown. */
  run(): Promise<string[]>
}
