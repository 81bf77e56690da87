/** One thing that is wrong with a pod, in the words of who wrote it. */
export interface PodProblem {
  /** Within the pod: `['spec', 'containers', 0, 'ports']`. */
  readonly path: readonly PropertyKey[]
  readonly message: string
}
