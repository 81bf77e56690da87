import { ClusterError } from '../../../../../src/cli/kubernetes/cluster/cluster.ts'
import type {
  Check,
  CheckContext,
  Finding,
} from '../../../../../src/cli/kubernetes/check/finding.ts'

export const now = Date.parse('2027-01-01T00:00:00Z')

export type Answers = Readonly<Record<string, unknown>>

/** Objects and lists by their paths; an Error is what asking meets. Reviews are allowed but for what `denied` names. */
export function contextOf(answers: Answers, changes: Partial<CheckContext> = {}): CheckContext {
  const at = (path: string): unknown => {
    const answer = answers[decodeURIComponent(path)]
    if (answer instanceof Error) throw answer
    return answer
  }
  const denied = (answers['denied'] ?? []) as readonly string[]
  return {
    now: () => now,
    version: '1.2.3',
    namespace: undefined,
    ...changes,
    cluster: {
      ask: async (method, path, body) => {
        if (method === 'POST') {
          const { verb, resource } = (
            body as { spec: { resourceAttributes: { verb: string; resource: string } } }
          ).spec.resourceAttributes
          const allowed = !denied.includes(`${verb} ${resource}`)
          return { status: 201, body: { status: { allowed } }, serverTime: now }
        }
        const found = at(path)
        const serverTime = 'serverTime' in answers ? (answers['serverTime'] as number) : now
        return { status: found === undefined ? 404 : 200, body: found, serverTime }
      },
      get: async <T>(path: string) => at(path) as T,
      list: async <T>(path: string) => (at(path) ?? []) as T[],
    },
  }
}

export async function findingOf(
  checks: readonly Check[],
  title: string,
  context: CheckContext,
): Promise<Finding> {
  const check = checks.find(candidate => candidate.title === title)
  if (check === undefined) throw new Error(`no check ${title}`)
  return check.run(context)
}

export const unreachable = new ClusterError('the API server cannot be asked: ECONNREFUSED')
