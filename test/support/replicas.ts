import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { call, eventually, startMesh, startSidecar, type TestProxy } from './mesh.ts'

interface Replica {
  readonly name: string
  readonly sidecar: TestProxy
  /** Requests that its application got. */
  readonly hits: () => number
  /** Replaces what its application does. */
  readonly answerWith: (handler: http.RequestListener) => void
  /** Out of the mesh, in good order. */
  readonly leave: () => Promise<void>
}

export interface ReplicaOptions {
  readonly labels?: Readonly<Record<string, string>>
  readonly zone?: string
  /** Default: answers with the replica's name. */
  readonly handler?: http.RequestListener
}

export interface Replicas {
  readonly replicas: readonly Replica[]
  /** The caller's sidecar, and its port that leads to `orders`. */
  readonly client: TestProxy
  readonly port: number
  /** One more; the caller knows it when this resolves. */
  readonly add: (options?: ReplicaOptions) => Promise<Replica>
}

/**
 * A caller in `zone` and several instances of `orders`, each behind a sidecar of its own; `policy`: of the spec of a
 * TrafficPolicy.
 */
export async function startReplicas(
  t: Test,
  policy: object,
  instances: readonly ReplicaOptions[],
  zone?: string,
): Promise<Replicas> {
  const all: Replica[] = []
  // They listen at one port, as replicas do: each has a loopback address of its own.
  const first = await startReplicaApplication(t, 'orders-0', 0, instances[0])
  const mesh = await startMesh(t, documents(first.port, policy))
  const start = async (options: ReplicaOptions = {}): Promise<Replica> => {
    const index = all.length
    const name = `orders-${index}`
    const { application, port, host } =
      index === 0 ? first : await startReplicaApplication(t, name, first.port, options, index)
    const labels = { app: 'orders', ...options.labels }
    const sidecar = await startSidecar(t, mesh, {
      name,
      labels,
      overrides: {
        application: { host, ports: [port] },
        workload: workload(name, labels, options.zone),
      },
    })
    const leave = async (): Promise<void> => {
      await call(sidecar.ports.admin, { path: '/drain/inbound', method: 'POST' })
    }
    const replica = { name, sidecar, leave, ...application }
    all.push(replica)
    return replica
  }
  for (const options of instances) await start(options)
  const client = await startSidecar(t, mesh, {
    name: 'web',
    upstreams: ['orders'],
    overrides: { workload: workload('web', { app: 'web' }, zone) },
  })
  const known = () =>
    eventually(
      () => clustersOf(client),
      clusters => clusters.every(cluster => all.every(({ name }) => knows(cluster, name))),
    )
  await known()
  return {
    replicas: all,
    client,
    port: client.ports.upstreams[0] ?? 0,
    add: async options => {
      const replica = await start(options)
      await known()
      return replica
    },
  }
}

/** Of `/clusters`, as far as tests read it. */
export interface ClusterPage {
  readonly name: string
  readonly ejections: number
  readonly circuitBreaker: string
  readonly endpoints: readonly {
    readonly workload: string
    readonly ejected: boolean
    readonly onProbation: boolean
  }[]
}

/** What the caller's sidecar knows of its clusters; one at least. */
async function clustersOf(client: TestProxy): Promise<readonly ClusterPage[]> {
  const answer = await call(client.ports.admin, { path: '/clusters' })
  const { outbound } = JSON.parse(answer.body) as { outbound: ClusterPage[] }
  return outbound.length > 0 ? outbound : [{ ...none }]
}

const none: ClusterPage = { name: '', ejections: 0, circuitBreaker: '', endpoints: [] }

export async function ordersOf(client: TestProxy): Promise<ClusterPage> {
  const clusters = await clustersOf(client)
  return clusters.find(({ name }) => name === 'orders.default:80') ?? none
}

/** The bodies of so many answers, one after the other, and how often each came. */
export async function tallyCalls(
  port: number,
  count: number,
  options: Parameters<typeof call>[1] = {},
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const { body } = await call(port, options)
    counts[body] = (counts[body] ?? 0) + 1
  }
  return counts
}

function knows(cluster: ClusterPage, name: string): boolean {
  return cluster.endpoints.some(({ workload: known }) => known === name)
}

function workload(name: string, labels: Readonly<Record<string, string>>, zone?: string) {
  const identity = { name, namespace: 'default', serviceAccount: name, labels }
  return { ...identity, ...(zone !== undefined && { zone }) }
}

function documents(port: number, policy: object): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ port: 80, targetPort: ${port} }] }
---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec: ${JSON.stringify({ targetRef: { name: 'orders' }, ...policy })}
`
}

async function startReplicaApplication(
  t: Test,
  name: string,
  port: number,
  options: ReplicaOptions = {},
  index = 0,
) {
  let hits = 0
  let handler: http.RequestListener = options.handler ?? ((_, response) => response.end(name))
  const server = http.createServer((request, response) => {
    hits++
    handler(request, response)
  })
  const host = `127.0.0.${2 + index}`
  server.listen(port, host)
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const application = {
    hits: () => hits,
    answerWith: (next: http.RequestListener) => {
      handler = next
    },
  }
  return { application, host, port: (server.address() as AddressInfo).port }
}
