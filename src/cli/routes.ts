import type { RouteEntry, RouteStatus, ServiceRoutes } from '../control/routes/route-status.ts'
import { fetchPage } from './status.ts'
import { formatTable } from './table.ts'

export interface RoutesOptions {
  /** Admin address of the control plane. */
  readonly controlPlane: URL
  readonly json: boolean
}

/** `weft routes`. Exit code 1 while a route is not accepted, or refers to what is not there. */
export async function routes({ controlPlane, json }: RoutesOptions): Promise<number> {
  const status = await fetchPage<RouteStatus>(new URL('/routes', controlPlane))
  console.log(json ? JSON.stringify(status, null, 2) : formatRoutes(status))
  return objections(status).length === 0 ? 0 : 1
}

export function formatRoutes(status: RouteStatus): string {
  const { services, objects } = status
  const tables = [
    formatTable([
      ['SERVICE', 'CALLERS', 'ROUTE', 'MATCH', 'FILTERS', 'BACKENDS'],
      ...services.flatMap(rowsOf),
    ]),
  ]
  if (objects.length > 0)
    tables.push(
      formatTable([
        ['KIND', 'ROUTE', 'PARENT', 'ACCEPTED', 'RESOLVEDREFS'],
        ...conditionRows(status),
      ]),
    )
  return [...tables.join('\n\n').split('\n'), ...objections(status)].join('\n')
}

function rowsOf({ service, callers, routes: list }: ServiceRoutes): string[][] {
  return list.map(entry => [
    service,
    callers ?? 'all',
    entry.route,
    entry.match,
    entry.filters.join(', ') || '-',
    formatBackends(entry),
  ])
}

/** With the share of each in percent of all, where there is more than one. */
function formatBackends({ backends, invalidWeight }: RouteEntry): string {
  const missing = invalidWeight > 0 ? [{ cluster: 'none', weight: invalidWeight, filters: [] }] : []
  const all = [...backends, ...missing]
  const total = all.reduce((sum, { weight }) => sum + weight, 0)
  const text = all.map(({ cluster, weight, filters }) => {
    const own = filters.length === 0 ? '' : ` (${filters.join(', ')})`
    if (all.length === 1 && weight > 0) return `${cluster}${own}`
    return `${cluster} ${total === 0 ? 0 : Math.round((weight / total) * 1000) / 10}%${own}`
  })
  return text.join(', ') || '-'
}

function conditionRows({ objects }: RouteStatus): string[][] {
  return objects.flatMap(({ kind, namespace, name, parents }) =>
    parents.map(({ parent = '-', conditions }) => {
      const statusOf = (type: string): string =>
        conditions.find(condition => condition.type === type)?.status ?? '-'
      return [kind, `${namespace}/${name}`, parent, statusOf('Accepted'), statusOf('ResolvedRefs')]
    }),
  )
}

/** A line for each condition that does not hold. */
function objections({ objects }: RouteStatus): string[] {
  return objects.flatMap(({ kind, namespace, name, parents }) =>
    parents.flatMap(({ parent, conditions }) =>
      conditions
        .filter(({ status }) => status === 'False')
        .map(({ type, reason, message }) => {
          const where = parent === undefined ? '' : ` for ${parent}`
          return `${kind} ${namespace}/${name}${where}: not ${type}, ${reason}: ${message}`
        }),
    ),
  )
}
