import type { ActiveRoute } from './routing/router.ts'
import type { ActiveCluster } from './upstream/cluster.ts'

/** To a program on this machine. One retry, for its closing of an idle connection; the rest is up to the caller. */
export function localRoute(cluster: ActiveCluster): ActiveRoute {
  return {
    name: 'inbound',
    backends: [{ cluster, weight: 1 }],
    totalWeight: 1,
    timeoutMs: undefined,
    retry: { attempts: 1, statuses: [], backoffMs: 1 },
    policies: undefined,
  }
}
