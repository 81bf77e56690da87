import { isIP } from 'node:net'
import type { AppProtocol } from '../../../model/app-protocol.ts'
import type { Cluster } from '../../../model/cluster.ts'
import type { ClusterTls } from '../../../model/cluster-tls.ts'
import type { Endpoint } from '../../../model/endpoint.ts'
import type {
  ServiceEntryPort,
  ServiceEntryProtocol,
  ServiceEntryResource,
} from '../../../model/kinds/service-entry.ts'
import { isWildcard, type Service } from '../../../model/service.ts'
import { compileCluster } from '../cluster-compiler.ts'
import { compileRoutePolicy } from '../route-policy-compiler.ts'
import type { TrafficPolicySpec } from '../traffic-policies.ts'

/** Further away than what is in the mesh, and there is a handshake of TLS in it. */
const connectTimeoutMs = 5000

const speaks: Readonly<Record<ServiceEntryProtocol, AppProtocol>> = {
  http: 'http',
  http2: 'http2',
  grpc: 'http2',
  tls: 'tcp',
  tcp: 'tcp',
}

/** One host and port of a ServiceEntry. */
export interface ExternalService {
  readonly service: Service
  readonly cluster: Cluster
  readonly endpoints: readonly Endpoint[]
}

export type PolicyOfPort = (port: number) => TrafficPolicySpec | undefined

/** Each of its hosts is a service with a cluster of its own, so that one that fails does not stop the others. */
export function compileServiceEntry(
  { spec }: ServiceEntryResource,
  policyOf: PolicyOfPort,
): ExternalService[] {
  return spec.hosts.flatMap(host =>
    spec.ports.map(port => compileHost(host, port, { spec, policy: policyOf(port.number) })),
  )
}

/** Whether callers of a namespace know it. */
export function isExportedTo(
  { metadata, spec }: Pick<ServiceEntryResource, 'metadata' | 'spec'>,
  namespace: string,
): boolean {
  return spec.exportTo.some(
    to => to === '*' || to === namespace || (to === '.' && namespace === metadata.namespace),
  )
}

interface Surroundings {
  readonly spec: ServiceEntryResource['spec']
  readonly policy: TrafficPolicySpec | undefined
}

function compileHost(
  host: string,
  port: ServiceEntryPort,
  { spec, policy }: Surroundings,
): ExternalService {
  const name = `${host}:${port.number}`
  const endpoints = endpointsOf(host, port, spec)
  const tls = tlsOf(host, port, spec)
  const isNamed = endpoints.some(({ address }) => isIP(address) === 0)
  return {
    service: {
      name,
      hosts: [host, ...capturedAddresses(port, endpoints)],
      port: port.number,
      routes: [
        {
          name: 'default',
          matches: [],
          backends: [{ cluster: name, weight: 1 }],
          ...compileRoutePolicy(undefined, policy),
        },
      ],
    },
    cluster: {
      ...compileCluster(name, policy, speaks[port.protocol]),
      connectTimeoutMs: policy?.connectTimeout ?? connectTimeoutMs,
      ...(isNamed && { discovery: isWildcard(host) ? 'host' : 'dns' }),
      ...(tls !== undefined && { tls }),
    },
    endpoints,
  }
}

function endpointsOf(
  host: string,
  { number, targetPort = number }: ServiceEntryPort,
  { endpoints }: ServiceEntryResource['spec'],
): Endpoint[] {
  const places = endpoints.length === 0 ? [{ address: host }] : endpoints
  return places.map(({ address, port = targetPort }) => ({
    id: `${isIP(address) === 6 ? `[${address}]` : address}:${port}`,
    address,
    port,
    weight: 1,
    workload: host,
  }))
}

/** Raw bytes say no name: a captured connection is known by where it was going. */
function capturedAddresses(
  { number, protocol }: ServiceEntryPort,
  endpoints: readonly Endpoint[],
): string[] {
  if (protocol !== 'tcp') return []
  return endpoints
    .filter(({ address, port }) => isIP(address) !== 0 && port === number)
    .map(({ address }) => (isIP(address) === 6 ? `[${address}]` : address))
}

function tlsOf(
  host: string,
  { protocol }: ServiceEntryPort,
  { tls }: ServiceEntryResource['spec'],
): ClusterTls | undefined {
  if (tls === undefined || tls.mode === 'none' || protocol === 'tls') return undefined
  const { sni = host, subjectAltNames, caFile, caCertificate } = tls
  const { clientCertificateFile: certificateFile, privateKeyFile: keyFile } = tls
  return {
    serverName: sni,
    ...(subjectAltNames !== undefined && { subjectAltNames }),
    ...(caFile !== undefined && { caFile }),
    ...(caCertificate !== undefined && { caCertificate }),
    ...(certificateFile !== undefined &&
      keyFile !== undefined && { client: { certificateFile, keyFile } }),
  }
}
