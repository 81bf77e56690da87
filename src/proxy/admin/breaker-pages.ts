import { breakerSettings } from '../../resilience/circuit-breaker.ts'
import type { Breakers, TrafficPlane } from '../planes/traffic-plane.ts'
import type { ActiveCluster } from '../upstream/cluster.ts'
import { jsonAnswer, type AdminAnswer } from './answer.ts'

export function breakersOf(clusters: ReadonlyMap<string, ActiveCluster>): Breakers {
  return Object.fromEntries([...clusters].map(([name, { breaker }]) => [name, breaker.status]))
}

/** Of one data plane, or of each where there are several. */
export async function breakersPage(plane: Pick<TrafficPlane, 'breakers'>): Promise<AdminAnswer> {
  const planes = await plane.breakers()
  const [only] = planes
  return jsonAnswer(planes.length === 1 && only !== undefined ? only : { workers: planes })
}

/** `POST /breakers/orders.default:80?state=open`: opens the breaker, closes it, or lets it decide again. */
export async function setBreakerPage(
  plane: Pick<TrafficPlane, 'setBreaker'>,
  cluster: string,
  query: URLSearchParams,
): Promise<AdminAnswer> {
  const state = query.get('state')
  const setting = breakerSettings.find(known => known === state)
  if (setting === undefined)
    return jsonAnswer({ error: `give ?state=, one of ${breakerSettings.join(', ')}` }, 400)
  if (!(await plane.setBreaker(cluster, setting)))
    return jsonAnswer(
      { error: `no cluster is called ${cluster}; GET /breakers shows those that there are` },
      404,
    )
  return jsonAnswer({ cluster, setting })
}
