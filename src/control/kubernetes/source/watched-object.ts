import type { ConfigurationProblem } from '../../../model/problem.ts'
import type { Resource } from '../../../model/parsing/validate.ts'
import type { StatusTarget } from '../status/status-target.ts'

/** What is kept of an object of the cluster: little, for there can be many thousands. */
export interface WatchedObject<R extends Resource = Resource> {
  /** `HTTPRoute default/orders`. */
  readonly title: string
  /** Absent: it belongs to the cluster. */
  readonly namespace?: string
  /** RFC 3339: of two that contradict each other the older one holds. */
  readonly createdAt: string
  /** Undefined: it has problems. */
  readonly resource: R | undefined
  readonly problems: readonly ConfigurationProblem[]
  /** Absent: nobody is told what became of it. */
  readonly target?: StatusTarget
}

/** The older first; of two of one age the first by its name. */
export function byAge(a: WatchedObject, b: WatchedObject): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1
  return a.title < b.title ? -1 : 1
}
