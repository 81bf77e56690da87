import type { Route } from './route.ts'
import type { Snapshot } from './snapshot.ts'

/** Something that keeps a snapshot from being used. */
export interface SnapshotProblem {
  /** `clusters.orders.default:80.connectTimeoutMs`. */
  readonly path: string
  readonly message: string
}

type Check = { readonly snapshot: Snapshot } | { readonly problems: SnapshotProblem[] }

/**
 * Whether a sidecar can work by what came over the wire or lay on its disk: structure as far as the data path
 * relies on it, and consistency. Light, because the sidecar does without the schemas. All problems at once.
 */
export function checkSnapshot(candidate: unknown): Check {
  const problems: SnapshotProblem[] = []
  const report: Report = (path, message) => problems.push({ path, message })
  if (!isRecord(candidate)) return { problems: [{ path: '', message: 'is no object' }] }
  for (const part of ['services', 'clusters', 'endpoints', 'inbound'])
    if (!isRecord(candidate[part])) report(part, 'is missing')
  if (typeof candidate['version'] !== 'string') report('version', 'is missing')
  if (problems.length > 0) return { problems }
  const snapshot = candidate as unknown as Snapshot
  checkClusters(snapshot, report)
  checkEndpoints(snapshot, report)
  checkServices(snapshot, report)
  if (!['strict', 'permissive'].includes(snapshot.inbound.mtls))
    report('inbound.mtls', 'must be strict or permissive')
  return problems.length > 0 ? { problems } : { snapshot }
}

type Report = (path: string, message: string) => void

const loadBalancing: readonly string[] = ['peak-ewma', 'least-request', 'round-robin']
const policies = ['circuitBreaker', 'outlierDetection', 'retryBudget', 'concurrency'] as const

function checkClusters({ clusters, endpoints }: Snapshot, report: Report): void {
  for (const [name, cluster] of Object.entries(clusters)) {
    const path = `clusters.${name}`
    if (!isRecord(cluster)) {
      report(path, 'is no object')
      continue
    }
    if (cluster.name !== name) report(`${path}.name`, 'differs from its key')
    if (!loadBalancing.includes(cluster.loadBalancing))
      report(`${path}.loadBalancing`, `unknown: ${String(cluster.loadBalancing)}`)
    if (!(cluster.connectTimeoutMs > 0)) report(`${path}.connectTimeoutMs`, 'must be positive')
    for (const policy of policies)
      if (!isRecord(cluster[policy])) report(`${path}.${policy}`, 'is missing')
    if (!Array.isArray(endpoints[name])) report(`endpoints.${name}`, 'is missing')
  }
}

function checkEndpoints({ endpoints }: Snapshot, report: Report): void {
  for (const [name, list] of Object.entries(endpoints)) {
    if (!Array.isArray(list)) continue
    for (const [index, endpoint] of list.entries()) {
      const path = `endpoints.${name}[${index}]`
      if (typeof endpoint.id !== 'string' || typeof endpoint.address !== 'string')
        report(path, 'needs id and address')
      if (!isPort(endpoint.port)) report(`${path}.port`, 'is no port')
      if (!(endpoint.weight >= 0)) report(`${path}.weight`, 'must not be negative')
      if (endpoint.mesh === undefined) continue
      if (!isPort(endpoint.mesh.port)) report(`${path}.mesh.port`, 'is no port')
      if (!String(endpoint.mesh.identity).startsWith('spiffe://'))
        report(`${path}.mesh.identity`, 'is no SPIFFE ID')
    }
  }
}

function checkServices({ services, clusters }: Snapshot, report: Report): void {
  for (const [name, service] of Object.entries(services)) {
    const path = `services.${name}`
    if (!Array.isArray(service.hosts) || !Array.isArray(service.routes)) {
      report(path, 'needs hosts and routes')
      continue
    }
    if (!isPort(service.port)) report(`${path}.port`, 'is no port')
    for (const [index, route] of service.routes.entries()) {
      checkBackends(route, clusters, missing =>
        report(`${path}.routes[${index}].backends`, `there is no cluster ${missing}`),
      )
      checkPatterns(route, `${path}.routes[${index}]`, report)
    }
  }
}

function checkBackends(
  { backends }: Route,
  clusters: Snapshot['clusters'],
  report: (missing: string) => void,
): void {
  for (const { cluster } of backends) if (!Object.hasOwn(clusters, cluster)) report(cluster)
}

function checkPatterns({ matches }: Route, path: string, report: Report): void {
  for (const match of matches) {
    const values = [match.path, ...(match.headers ?? []), ...(match.query ?? [])]
    for (const value of values) {
      if (value?.kind !== 'regex') continue
      try {
        new RegExp(value.value)
      } catch (error) {
        report(`${path}.matches`, (error as Error).message)
      }
    }
  }
}

function isPort(port: unknown): boolean {
  return Number.isInteger(port) && (port as number) > 0 && (port as number) <= 65_535
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
