import { fieldsOf } from '../../../base/fields.ts'
import { withVerdicts, type Observation, type Verdict } from './condition.ts'
import { listOf } from './fields.ts'
import type { ParentReference, StatusFields } from './status-target.ts'

/** By which the entries of this control plane are told from those of others (Gateway API, RouteParentStatus). */
const controllerName = 'weft.dev/controller'

/** The schema of Gateway API takes no more. */
const maxParents = 32

/** What is to be said of a route for one of its parents. */
export interface ParentVerdict {
  readonly parentRef: ParentReference
  readonly verdicts: readonly Verdict[]
}

export function hasOwnEntry({ parents }: StatusFields): boolean {
  return listOf(parents).some(isOwn)
}

/** The whole list with these entries as ours: a merge patch replaces lists, so those of others are in it as they are. */
export function withParents(
  parents: unknown,
  verdicts: readonly ParentVerdict[],
  observation: Observation,
): unknown[] {
  const wanted = new Map(verdicts.map(verdict => [keyOf(verdict.parentRef), verdict]))
  const entry = ({ parentRef, verdicts: said }: ParentVerdict, conditions: unknown) => ({
    parentRef,
    controllerName,
    conditions: withVerdicts(conditions, said, observation),
  })
  const merged: unknown[] = []
  // Each stays in its place, so that two controllers do not turn the list over and over.
  for (const former of listOf(parents)) {
    if (!isOwn(former)) {
      merged.push(former)
      continue
    }
    const { parentRef, conditions } = fieldsOf(former)
    const key = keyOf(fieldsOf(parentRef))
    const verdict = wanted.get(key)
    wanted.delete(key)
    if (verdict !== undefined) merged.push(entry(verdict, conditions))
  }
  return [...merged, ...[...wanted.values()].map(verdict => entry(verdict, []))].slice(
    0,
    Math.max(maxParents, merged.length),
  )
}

function isOwn(entry: unknown): boolean {
  return fieldsOf(entry)['controllerName'] === controllerName
}

/** Of a ParentReference, as far as anything is known of it. */
interface Fields {
  readonly namespace?: unknown
  readonly name?: unknown
  readonly sectionName?: unknown
  readonly port?: unknown
}

/** The API server writes defaults of the group in. */
function keyOf({ namespace, name, sectionName, port }: Fields): string {
  return JSON.stringify([namespace ?? null, name, sectionName ?? null, port ?? null])
}
