import { fieldsOf } from '../../base/fields.ts'
import type { RouteFilter } from '../route-filter.ts'

/** Takes note of what keeps a snapshot from being used, at a path such as `services.orders.default:80.routes[0]`. */
type Report = (path: string, message: string) => void

export interface RouteSurroundings {
  readonly clusters: Readonly<Record<string, unknown>>
  readonly report: Report
}

/** Filters of a route or of one of its backends, as far as the data path relies on them. */
export function checkFilters(
  filters: unknown,
  path: string,
  surroundings: RouteSurroundings,
): void {
  if (filters === undefined) return
  if (!Array.isArray(filters)) return surroundings.report(path, 'is no list')
  for (const [index, filter] of filters.entries()) {
    const at = `${path}[${index}]`
    const { kind } = fieldsOf(filter)
    const check = typeof kind === 'string' && Object.hasOwn(checks, kind) ? checks[kind] : undefined
    if (check === undefined) surroundings.report(`${at}.kind`, `unknown: ${JSON.stringify(kind)}`)
    else check(fieldsOf(filter), at, surroundings)
  }
}

/** Session persistence of a route. */
export function checkSession(session: unknown, path: string, report: Report): void {
  if (session === undefined) return
  const { type, name, path: cookiePath, key, absoluteTimeoutMs, idleTimeoutMs } = fieldsOf(session)
  if (type !== 'cookie' && type !== 'header') report(`${path}.type`, 'must be cookie or header')
  for (const [field, value] of Object.entries({ name, path: cookiePath, key }))
    if (typeof value !== 'string' || value === '') report(`${path}.${field}`, 'is missing')
  for (const [field, value] of Object.entries({ absoluteTimeoutMs, idleTimeoutMs }))
    if (value !== undefined && !isAtLeast(1, value)) report(`${path}.${field}`, 'must be positive')
}

type Fields = Readonly<Record<string, unknown>>
type Check = (filter: Fields, path: string, surroundings: RouteSurroundings) => void

const checks: Readonly<Record<string, Check>> = {
  'request-headers': checkHeaders,
  'response-headers': checkHeaders,
  redirect: checkRedirect,
  rewrite: checkRewrite,
  mirror: checkMirror,
  cors: checkCors,
} satisfies Readonly<Record<RouteFilter['kind'], Check>>

function checkHeaders({ remove, set, add }: Fields, path: string, { report }: RouteSurroundings) {
  if (!isTexts(remove)) report(`${path}.remove`, 'is no list of names')
  for (const [field, list] of Object.entries({ set, add }))
    if (!Array.isArray(list) || !list.every(isField))
      report(`${path}.${field}`, 'is no list of names and values')
}

function isField(field: unknown): boolean {
  const { name, value } = fieldsOf(field)
  return typeof name === 'string' && typeof value === 'string'
}

function checkRedirect(filter: Fields, path: string, surroundings: RouteSurroundings): void {
  const { status, scheme, port } = filter
  const { report } = surroundings
  if (!Number.isInteger(status) || Number(status) < 300 || Number(status) > 399)
    report(`${path}.status`, 'is no status of a redirect')
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https')
    report(`${path}.scheme`, 'must be http or https')
  if (port !== undefined && !isAtLeast(1, port)) report(`${path}.port`, 'is no port')
  checkRewrite(filter, path, surroundings)
}

function checkRewrite(filter: Fields, path: string, { report }: RouteSurroundings): void {
  const { hostname, path: modifier } = filter
  if (hostname !== undefined && typeof hostname !== 'string')
    report(`${path}.hostname`, 'is no name')
  if (modifier === undefined) return
  const { kind, value, prefix } = fieldsOf(modifier)
  if (kind !== 'full' && kind !== 'prefix') report(`${path}.path.kind`, 'must be full or prefix')
  if (typeof value !== 'string') report(`${path}.path.value`, 'is missing')
  if (kind === 'prefix' && typeof prefix !== 'string') report(`${path}.path.prefix`, 'is missing')
}

function checkMirror(
  { cluster, ratio }: Fields,
  path: string,
  { clusters, report }: RouteSurroundings,
): void {
  if (typeof cluster !== 'string' || !Object.hasOwn(clusters, cluster))
    report(`${path}.cluster`, `there is no cluster ${JSON.stringify(cluster)}`)
  if (!isAtLeast(0, ratio)) report(`${path}.ratio`, 'must not be negative')
}

function checkCors(filter: Fields, path: string, { report }: RouteSurroundings): void {
  for (const field of ['allowOrigins', 'allowMethods', 'allowHeaders', 'exposeHeaders'])
    if (!isTexts(filter[field])) report(`${path}.${field}`, 'is no list')
  if (!isAtLeast(0, filter['maxAgeSeconds']))
    report(`${path}.maxAgeSeconds`, 'must not be negative')
}

function isTexts(list: unknown): boolean {
  return Array.isArray(list) && list.every(text => typeof text === 'string')
}

function isAtLeast(least: number, value: unknown): boolean {
  return typeof value === 'number' && value >= least
}
