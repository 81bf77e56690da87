import type { InjectionSettings } from '../injection-settings.ts'
import { pathOf, type PodAnnotations } from './annotations.ts'
import type { PodProblem } from './pod-problem.ts'
import { parseQuantity } from './quantity.ts'

interface Amounts {
  cpu?: string
  memory?: string
}

interface SidecarResources {
  readonly requests: Amounts
  readonly limits: Amounts
}

/** A request that no annotation asked for gives way to a lower limit: the API server would refuse the pod. */
export function sidecarResources(
  annotations: PodAnnotations,
  { resources }: InjectionSettings,
): SidecarResources | { readonly problems: readonly PodProblem[] } {
  const requests: Amounts = {}
  const limits: Amounts = {}
  const problems: PodProblem[] = []
  for (const name of ['cpu', 'memory'] as const) {
    const asked = annotations[`proxy-${name}-request`]
    const most = annotations[`proxy-${name}-limit`]
    // A limit that no annotation asked for gives way to a higher request.
    const limit = most ?? (isMore(asked, resources.limits[name]) ? asked : resources.limits[name])
    const request = asked ?? resources.requests[name]
    const tooMuch = isMore(request, limit)
    if (tooMuch && asked !== undefined)
      problems.push({
        path: pathOf(`weft.dev/proxy-${name}-request`),
        message: `${asked} is more than the limit of ${limit}`,
      })
    const granted = tooMuch ? limit : request
    if (granted !== undefined) requests[name] = granted
    if (limit !== undefined) limits[name] = limit
  }
  return problems.length > 0 ? { problems } : { requests, limits }
}

function isMore(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return false
  return (parseQuantity(one) ?? 0) > (parseQuantity(other) ?? 0)
}
