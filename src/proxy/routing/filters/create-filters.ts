import type { Now } from '../../../base/clock.ts'
import type { Random } from '../../../base/random.ts'
import type { RouteFilter } from '../../../model/route-filter.ts'
import type { Filter } from '../../exchange/filter.ts'
import type { ActiveCluster } from '../../upstream/cluster.ts'
import { MirrorFilter } from '../mirroring/mirror-filter.ts'
import { CorsFilter } from './cors-filter.ts'
import { RequestHeaderFilter, ResponseHeaderFilter } from './header-filter.ts'
import { RedirectFilter } from './redirect-filter.ts'
import { RewriteFilter } from './rewrite-filter.ts'

export interface FilterContext {
  readonly clusters: ReadonlyMap<string, ActiveCluster>
  readonly now: Now
  readonly random: Random
}

/** Filters of a route or a backend at work, in its order. */
export function createFilters(
  filters: readonly RouteFilter[] = [],
  context: FilterContext,
): Filter[] {
  return filters.flatMap(filter => createFilter(filter, context) ?? [])
}

function createFilter(filter: RouteFilter, context: FilterContext): Filter | undefined {
  switch (filter.kind) {
    case 'request-headers':
      return new RequestHeaderFilter(filter)
    case 'response-headers':
      return new ResponseHeaderFilter(filter)
    case 'redirect':
      return new RedirectFilter(filter)
    case 'rewrite':
      return new RewriteFilter(filter)
    case 'mirror': {
      const { clusters, now, random } = context
      const cluster = clusters.get(filter.cluster)
      return cluster && new MirrorFilter({ cluster, ratio: filter.ratio, now, random })
    }
    case 'cors':
      return new CorsFilter(filter)
  }
}
