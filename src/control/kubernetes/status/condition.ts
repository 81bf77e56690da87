import { fieldsOf } from '../../../base/fields.ts'
import { listOf } from './fields.ts'

/** What is to be said (Kubernetes API conventions, "Typical status properties"). */
export interface Verdict {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  /** CamelCase, for programs. */
  readonly reason: string
  /** For people. */
  readonly message: string
}

interface Condition extends Verdict {
  readonly observedGeneration: number
  /** RFC 3339: when `status` last changed. */
  readonly lastTransitionTime: string
}

/** Of which state of the object, and when. */
export interface Observation {
  readonly generation: number
  /** RFC 3339, to the second. */
  readonly now: string
}

/** The schemas of Gateway API allow 32,768 characters; nobody reads so many. */
const maxMessage = 1000

/** The conditions with these verdicts, each in its place. Others of them stay as they are. */
export function withVerdicts(
  conditions: unknown,
  verdicts: readonly Verdict[],
  observation: Observation,
): unknown[] {
  const wanted = new Map(verdicts.map(verdict => [verdict.type, verdict]))
  const kept = listOf(conditions).flatMap(condition => {
    const before = fieldsOf(condition)
    const type = String(before['type'])
    const isOurs = verdicts.some(verdict => verdict.type === type)
    if (!isOurs) return [condition]
    const verdict = wanted.get(type)
    wanted.delete(type)
    // Of a type that stands there twice the second goes.
    return verdict === undefined ? [] : [conditionOf(verdict, before, observation)]
  })
  const added = [...wanted.values()].map(verdict => conditionOf(verdict, {}, observation))
  return [...kept, ...added]
}

function conditionOf(
  { type, status, reason, message }: Verdict,
  before: Readonly<Record<string, unknown>>,
  { generation, now }: Observation,
): Condition {
  const since = before['lastTransitionTime']
  const isSame = before['status'] === status && typeof since === 'string'
  return {
    type,
    status,
    reason,
    message: message.length > maxMessage ? `${message.slice(0, maxMessage - 1)}…` : message,
    observedGeneration: generation,
    lastTransitionTime: isSame ? since : now,
  }
}

/** RFC 3339 without fractions, as `metav1.Time` is written. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
