import { fieldsOf } from '../../base/fields.ts'
import { checkBalancing, checkSweeps } from './cluster-check.ts'
import type { Cluster } from '../cluster.ts'
import { checkInboundPolicies } from './inbound-check.ts'
import { clusterTlsProblems } from '../cluster-tls.ts'
import { outboundTrafficPolicies } from '../outbound.ts'
import { checkFilters, checkSession } from './route-check.ts'
import { checkClusterResilience, checkResilience, checkRoutePolicies } from './resilience-check.ts'
import type { Snapshot } from '../snapshot.ts'

/** Something that keeps a snapshot from being used. */
interface SnapshotProblem {
  /** `clusters.orders.default:80.connectTimeoutMs`. */
  readonly path: string
  readonly message: string
}

type Check = { readonly snapshot: Snapshot } | { readonly problems: SnapshotProblem[] }

/**
 * Whether a sidecar can work by what came over the wire or lay on its disk: structure as far as the data path
 * relies on it, and consistency. Light, because the sidecar does without the schemas. All problems at once; takes
 * whatever JSON there is.
 */
export function checkSnapshot(candidate: unknown): Check {
  const problems: SnapshotProblem[] = []
  const report: Report = (path, message) => problems.push({ path, message })
  if (!isRecord(candidate)) return { problems: [{ path: '', message: 'is no object' }] }
  const { version, services, clusters, endpoints, inbound, outbound } = candidate
  if (typeof version !== 'string') report('version', 'is missing')
  for (const [name, part] of Object.entries({ services, clusters, endpoints }))
    if (!isRecord(part)) report(name, 'is missing')
  for (const [name, cluster] of entries(clusters)) {
    checkCluster(name, cluster, report)
    if (!Array.isArray(fieldsOf(endpoints)[name])) report(`endpoints.${name}`, 'is missing')
  }
  for (const [name, list] of entries(endpoints))
    checkEach(list, `endpoints.${name}`, { check: checkEndpoint, report })
  for (const [name, service] of entries(services))
    checkService(service, `services.${name}`, { clusters: fieldsOf(clusters), report })
  checkInbound(fieldsOf(inbound), report)
  checkInboundPolicies(fieldsOf(inbound), report)
  if (!trafficPolicies.includes(fieldsOf(outbound)['trafficPolicy']))
    report('outbound.trafficPolicy', `must be ${outboundTrafficPolicies.join(' or ')}`)
  return problems.length > 0 ? { problems } : { snapshot: candidate as unknown as Snapshot }
}

type Report = (path: string, message: string) => void

const modes: readonly unknown[] = ['strict', 'permissive']
const trafficPolicies: readonly unknown[] = outboundTrafficPolicies
const appProtocols: readonly unknown[] = [undefined, 'http', 'http2', 'tcp']
const discoveries: readonly unknown[] = [undefined, 'dns', 'host']
const policies = {
  circuitBreaker: ['failureRatio', 'minRequests', 'windowMs', 'openMs'],
  outlierDetection: [
    'consecutiveFailures',
    'baseEjectionMs',
    'maxEjectionMs',
    'maxEjectedRatio',
    'panicRatio',
  ],
  retryBudget: ['ratio', 'minPerSecond'],
  concurrency: ['maxRequests', 'maxPending', 'maxConnectionsPerEndpoint'],
} as const satisfies { readonly [P in keyof Cluster]?: readonly (keyof Cluster[P])[] }

function checkInbound(inbound: Readonly<Record<string, unknown>>, report: Report): void {
  const { mtls, maxConnectionAgeMs: age } = inbound
  checkResilience(inbound, report)
  if (!modes.includes(mtls)) report('inbound.mtls', 'must be strict or permissive')
  if (age !== undefined && !isAtLeast(1, age))
    report('inbound.maxConnectionAgeMs', 'must be at least 1')
}

function checkCluster(name: string, cluster: unknown, report: Report): void {
  const path = `clusters.${name}`
  if (!isRecord(cluster)) return report(path, 'is no object')
  if (cluster['name'] !== name) report(`${path}.name`, 'differs from its key')
  if (!appProtocols.includes(cluster['appProtocol']))
    report(`${path}.appProtocol`, `unknown: ${JSON.stringify(cluster['appProtocol'])}`)
  if (!discoveries.includes(cluster['discovery']))
    report(`${path}.discovery`, `unknown: ${JSON.stringify(cluster['discovery'])}`)
  for (const { path: field, message } of clusterTlsProblems(cluster['tls']))
    report(`${path}.${field}`, message)
  checkBalancing(cluster, path, report)
  if (!isAtLeast(1, cluster['connectTimeoutMs']))
    report(`${path}.connectTimeoutMs`, 'must be positive')
  for (const [policy, fields] of Object.entries(policies)) {
    const values = fieldsOf(cluster[policy])
    for (const field of fields)
      if (!isAtLeast(0, values[field])) report(`${path}.${policy}.${field}`, 'is no number from 0')
  }
  checkSweeps(cluster, path, report)
  checkClusterResilience(cluster, path, report)
}

function checkEndpoint(endpoint: unknown, path: string, report: Report): void {
  const { id, address, port, weight, mesh, labels } = fieldsOf(endpoint)
  if (typeof id !== 'string' || typeof address !== 'string') report(path, 'needs id and address')
  if (!isPort(port)) report(`${path}.port`, 'is no port')
  if (!isAtLeast(0, weight)) report(`${path}.weight`, 'must not be negative')
  if (labels !== undefined && !isRecord(labels)) report(`${path}.labels`, 'is no object')
  if (mesh === undefined) return
  const { port: meshPort, identity } = fieldsOf(mesh)
  if (!isPort(meshPort)) report(`${path}.mesh.port`, 'is no port')
  if (typeof identity !== 'string' || !identity.startsWith('spiffe://'))
    report(`${path}.mesh.identity`, 'is no SPIFFE ID')
}

interface Surroundings {
  readonly clusters: Readonly<Record<string, unknown>>
  readonly report: Report
}

function checkService(service: unknown, path: string, { clusters, report }: Surroundings): void {
  const { hosts, port, routes } = fieldsOf(service)
  if (!Array.isArray(hosts) || !hosts.every(host => typeof host === 'string'))
    report(`${path}.hosts`, 'is no list of names')
  if (!isPort(port)) report(`${path}.port`, 'is no port')
  const check = (route: unknown, at: string): void => checkRoute(route, at, { clusters, report })
  checkEach(routes, `${path}.routes`, { check, report })
}

function checkRoute(route: unknown, path: string, { clusters, report }: Surroundings): void {
  const { matches, backends, invalidWeight = 0, retry, filters, session } = fieldsOf(route)
  checkFilters(filters, `${path}.filters`, { clusters, report })
  checkSession(session, `${path}.session`, report)
  checkEach(matches, `${path}.matches`, { check: checkMatch, report })
  const { attempts, backoffMs, leastBackoffMs = 0, statuses, grpcStatuses = [] } = fieldsOf(retry)
  if (!isAtLeast(0, leastBackoffMs)) report(`${path}.retry.leastBackoffMs`, 'must not be negative')
  if (!isAtLeast(0, attempts) || !isAtLeast(0, backoffMs) || !Array.isArray(statuses))
    report(`${path}.retry`, 'needs attempts, backoffMs and statuses')
  if (!Array.isArray(grpcStatuses) || !grpcStatuses.every(Number.isInteger))
    report(`${path}.retry.grpcStatuses`, 'is no list of numbers')
  if (!isAtLeast(0, invalidWeight)) report(`${path}.invalidWeight`, 'must not be negative')
  checkRoutePolicies(fieldsOf(route), path, report)
  const check = (backend: unknown, at: string): void => {
    const { cluster, weight, filters: own } = fieldsOf(backend)
    checkFilters(own, `${at}.filters`, { clusters, report })
    if (typeof cluster !== 'string' || !Object.hasOwn(clusters, cluster))
      report(at, `there is no cluster ${JSON.stringify(cluster)}`)
    if (!isAtLeast(0, weight)) report(`${at}.weight`, 'must not be negative')
  }
  checkEach(backends, `${path}.backends`, { check, report })
}

const pathKinds = ['exact', 'prefix', 'regex']
const valueKinds = ['exact', 'regex']

function checkMatch(match: unknown, path: string, report: Report): void {
  if (!isRecord(match)) return report(path, 'is no object')
  const { path: wanted, headers = [], query = [] } = match
  if (wanted !== undefined) checkValue(wanted, `${path}.path`, { kinds: pathKinds, report })
  checkEach(headers, `${path}.headers`, { check: checkNamedValue, report })
  checkEach(query, `${path}.query`, { check: checkNamedValue, report })
}

function checkNamedValue(match: unknown, path: string, report: Report): void {
  if (typeof fieldsOf(match)['name'] !== 'string') report(`${path}.name`, 'is missing')
  checkValue(match, path, { kinds: valueKinds, report })
}

interface ValueCheck {
  readonly kinds: readonly unknown[]
  readonly report: Report
}

function checkValue(match: unknown, path: string, { kinds, report }: ValueCheck): void {
  const { kind, value } = fieldsOf(match)
  if (!kinds.includes(kind)) report(`${path}.kind`, `must be one of ${kinds.join(', ')}`)
  if (typeof value !== 'string') return report(`${path}.value`, 'is missing')
  if (kind !== 'regex') return
  try {
    new RegExp(value)
  } catch (error) {
    report(`${path}.value`, (error as Error).message)
  }
}

interface ElementCheck {
  readonly check: (element: unknown, path: string, report: Report) => void
  readonly report: Report
}

function checkEach(list: unknown, path: string, { check, report }: ElementCheck): void {
  if (!Array.isArray(list)) return report(path, 'is no list')
  for (const [index, element] of list.entries()) check(element, `${path}[${index}]`, report)
}

function isPort(port: unknown): boolean {
  return Number.isInteger(port) && isAtLeast(1, port) && (port as number) <= 65_535
}

function isAtLeast(least: number, value: unknown): boolean {
  return typeof value === 'number' && value >= least
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function entries(value: unknown): [string, unknown][] {
  return Object.entries(fieldsOf(value))
}
