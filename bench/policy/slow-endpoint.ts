import { percentilesOf, type Percentiles } from '../functions/percentiles.ts'
import { openLoop } from '../functions/open-loop.ts'
import { RawClient } from '../functions/raw-client.ts'
import { ChildGroup } from '../setting/child-group.ts'
import { freePorts } from '../setting/free-port.ts'
import { WeftMesh } from '../subjects/weft-mesh.ts'
import type { Experiment } from './experiment.ts'
import { markdownTable } from './table.ts'

const policies = ['peak-ewma', 'least-request', 'round-robin'] as const
const fastMs = 5
const slowMs = 50
const load = { perSecond: 400, seconds: 7, warmUpSeconds: 2 }

type Policy = (typeof policies)[number]

interface Outcome extends Percentiles {
  /** Share of the requests that the slow endpoint got, 0–1. */
  readonly slowShare: number
}

async function measure(policy: Policy): Promise<Outcome> {
  await using group = new ChildGroup()
  const ports = await freePorts(5)
  const [slow = 0] = ports
  await group.startNode({
    name: `endpoints-${policy}`,
    args: [
      `${import.meta.dirname}/timed-endpoints.ts`,
      ...ports.map(port => `${port}=${port === slow ? slowMs : fastMs}`),
    ],
  })
  for (const port of ports) await group.waitUntilListening(port)
  const mesh = new WeftMesh(group, `slow-endpoint-${policy}`)
  await mesh.startControl(documents(policy, ports))
  const { bootstrap } = await mesh.startSidecar({
    workload: 'web',
    ports: [],
    upstreams: [],
    accessLog: 'errors',
  })
  const { outbound, admin } = bootstrap
  const client = new RawClient(outbound.port, 'GET / HTTP/1.1\r\nhost: orders\r\n\r\n')
  try {
    const samples = await openLoop(() => client.call(), load)
    return { ...percentilesOf(samples), slowShare: await shareOf(slow, admin.port) }
  } finally {
    client.close()
  }
}

interface Clusters {
  readonly outbound: readonly {
    readonly endpoints: readonly { readonly id: string; readonly requests: number }[]
  }[]
}

async function shareOf(port: number, adminPort: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/clusters`)
  const { outbound } = (await response.json()) as Clusters
  const endpoints = outbound.flatMap(cluster => cluster.endpoints)
  const all = endpoints.reduce((sum, { requests }) => sum + requests, 0)
  return (endpoints.find(({ id }) => id === `127.0.0.1:${port}`)?.requests ?? 0) / all
}

/** Applications outside the mesh, so that the caller's balancer is all that is measured. */
function documents(policy: Policy, ports: readonly number[]): string {
  const metadata = { name: 'orders' }
  const slice = (port: number) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `orders-${port}`, labels: { 'kubernetes.io/service-name': 'orders' } },
    addressType: 'IPv4',
    ports: [{ port }],
    endpoints: [{ addresses: ['127.0.0.1'] }],
  })
  const all = [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }] } },
    ...ports.map(slice),
    {
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'TrafficPolicy',
      metadata,
      spec: { targetRef: metadata, loadBalancing: policy },
    },
  ]
  return all.map(document => JSON.stringify(document)).join('\n---\n')
}

/** What a balancer makes of one slow endpoint among five. About 35 seconds. */
export const slowEndpoint: Experiment = {
  name: 'slow-endpoint',
  async run() {
    const rows: (string | number)[][] = []
    for (const policy of policies) {
      const { p50, p99, max, slowShare } = await measure(policy)
      rows.push([policy, ...[p50, p99, max, 100 * slowShare].map(oneDecimal)])
    }
    return [
      `Five endpoints, four of which take ${fastMs} ms and one ${slowMs} ms; ${load.perSecond} requests a second for ${load.seconds} s, begun by the clock.`,
      '',
      markdownTable(['policy', 'p50 ms', 'p99 ms', 'max ms', '% to the slow one'], rows),
    ]
  },
}

function oneDecimal(value: number): number {
  return Math.round(value * 10) / 10
}
