import type { Test } from 'tap'
import { silentLogger } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import type { Identity } from '../../src/identity/identity.ts'
import { IdentityHolder } from '../../src/identity/identity-holder.ts'
import type { ProxyBootstrap, TransparentBootstrap } from '../../src/model/bootstrap.ts'
import type { Cluster } from '../../src/model/cluster.ts'
import type { Endpoint } from '../../src/model/endpoint.ts'
import type { Route } from '../../src/model/route.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'
import { DataPlane } from '../../src/proxy/data-plane.ts'
import type { OriginalDestination } from '../../src/proxy/listener/original-destination.ts'
import { clusterPolicy } from './policies.ts'

const loopback = '127.0.0.1'
const anyPort = { host: loopback, port: 0 }

export const orders = 'orders.default:80'

export interface RunningDataPlane {
  readonly plane: DataPlane
  readonly identity: IdentityHolder
  /** Local port that leads to `orders`. */
  readonly port: number
}

/** Transparent mode without iptables. */
export interface TransparentTest {
  readonly bootstrap: TransparentBootstrap
  /** Where every connection was going. */
  readonly originalDestination: OriginalDestination
}

/** A data plane without a control plane: it works by what the test applies. */
export async function startDataPlane(
  t: Test,
  identity: Identity,
  ports: readonly number[] = [],
  transparent?: TransparentTest,
): Promise<RunningDataPlane> {
  const holder = new IdentityHolder(identity)
  const bootstrap: ProxyBootstrap = {
    workload: { name: 'test', namespace: 'default', serviceAccount: 'test', labels: {} },
    stateDirectory: t.testdirName,
    controlPlane: { ...anyPort, trustDomain: identity.id.trustDomain },
    trustBundleFile: '',
    admin: anyPort,
    outbound: anyPort,
    inbound: anyPort,
    application: { host: loopback, ports },
    upstreams: [{ ...anyPort, service: 'orders' }],
    advertise: loopback,
    drainTimeoutMs: 1000,
    ...(transparent !== undefined && { transparent: transparent.bootstrap }),
  }
  const plane = new DataPlane(bootstrap, {
    identity: holder,
    logger: silentLogger,
    writeAccessLog: () => {},
    memory: { resident: () => 0, trim: () => {} },
    random: systemRandom,
    ...(transparent !== undefined && { originalDestination: transparent.originalDestination }),
  })
  t.teardown(() => plane.close())
  await plane.listen()
  return { plane, identity: holder, port: plane.ports.upstreams[0] ?? 0 }
}

/** An endpoint behind a sidecar of this process. */
export function meshEndpoint(port: number, meshPort: number, serviceAccount: string): Endpoint {
  const identity = `spiffe://weft.local/ns/default/sa/${serviceAccount}`
  return {
    id: `${loopback}:${meshPort}`,
    address: loopback,
    port,
    mesh: { port: meshPort, identity },
    weight: 1,
    workload: serviceAccount,
  }
}

export interface OrdersSnapshot {
  readonly endpoints?: readonly Endpoint[]
  readonly cluster?: Partial<Cluster>
  readonly retry?: Partial<Route['retry']>
  readonly timeoutMs?: number
  readonly mtls?: Snapshot['inbound']['mtls']
  readonly trafficPolicy?: Snapshot['outbound']['trafficPolicy']
}

/** One service, `orders`, with these endpoints. */
export function ordersSnapshot(options: OrdersSnapshot): Snapshot {
  const { endpoints = [], cluster, retry, timeoutMs, mtls = 'strict' } = options
  const { trafficPolicy = 'allowAny' } = options
  const route: Route = {
    name: 'default',
    matches: [],
    backends: [{ cluster: orders, weight: 1 }],
    retry: { attempts: 2, statuses: [502, 503, 504], backoffMs: 1, ...retry },
    ...(timeoutMs !== undefined && { timeoutMs }),
  }
  return {
    version: 'test',
    services: {
      [orders]: { name: orders, hosts: ['orders', 'orders.default'], port: 80, routes: [route] },
    },
    clusters: { [orders]: clusterPolicy({ name: orders, ...cluster }) },
    endpoints: { [orders]: endpoints },
    inbound: { mtls },
    outbound: { trafficPolicy },
  }
}
