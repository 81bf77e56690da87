import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { monotonicNow } from '../../src/base/clock.ts'
import { openLoop } from '../functions/open-loop.ts'
import { percentilesOf } from '../functions/percentiles.ts'
import { ChildGroup } from '../setting/child-group.ts'
import { freePorts } from '../setting/free-port.ts'
import { WeftMesh } from '../subjects/weft-mesh.ts'
import { createClient, type Client } from './client.ts'
import type { Experiment } from './experiment.ts'
import { markdownTable } from './table.ts'

/** The application works on so many requests at a time, each for so long; others wait in it. */
const workers = 8
const serviceMs = 20
const capacity = (workers * 1000) / serviceMs

/** Of the callers: what comes later is worth nothing. */
const deadlineMs = 250
const seconds = 6
const warmUpSeconds = 2

const cases = [
  { name: "Weft's defaults", spec: '' },
  { name: 'adaptiveConcurrency: {}', spec: 'adaptiveConcurrency: {}' },
  {
    name: 'concurrency: { maxRequests: 12, maxQueued: 24 }',
    spec: 'concurrency: { maxRequests: 12, maxQueued: 24 }',
  },
] as const

/** It does not look whether its caller is still there, as most don't. */
async function startApplication(): Promise<http.Server> {
  let busy = 0
  const waiting: http.ServerResponse[] = []
  const work = (response: http.ServerResponse): void => {
    busy++
    setTimeout(() => {
      response.end('done')
      busy--
      const next = waiting.shift()
      if (next !== undefined) work(next)
    }, serviceMs)
  }
  const server = http.createServer((_request, response) => {
    if (busy < workers) work(response)
    else waiting.push(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function documents(port: number, spec: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ port: 80, targetPort: ${port} }] }
---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec:
  targetRef: { name: orders }
  ${spec}
`
}

interface Figures {
  readonly goodPerSecond: number
  readonly refused: number
  readonly late: number
  readonly p99: number
}

async function load(client: Client, port: number, times: number): Promise<Figures> {
  const outcomes: { readonly status: number; readonly latencyMs: number }[] = []
  const endOfWarmUp = monotonicNow() + warmUpSeconds * 1000
  const call = async (): Promise<void> => {
    const begunAt = monotonicNow()
    const { status } = await client.ask(port, {
      'x-envoy-expected-rq-timeout-ms': String(deadlineMs),
    })
    if (begunAt >= endOfWarmUp) outcomes.push({ status, latencyMs: monotonicNow() - begunAt })
  }
  await openLoop(call, { perSecond: capacity * times, seconds, warmUpSeconds })
  const good = outcomes.filter(({ status }) => status === 200)
  const share = (...statuses: number[]): number => {
    const some = outcomes.filter(({ status }) => statuses.includes(status)).length
    return Math.round((some / outcomes.length) * 1000) / 10
  }
  return {
    goodPerSecond: Math.round(good.length / seconds),
    refused: share(503, 429),
    late: share(504, 0),
    p99: Math.round(percentilesOf(good.map(({ latencyMs }) => latencyMs)).p99),
  }
}

/** Of one setting: at capacity, then at twice of it. */
async function measure(index: number, spec: string): Promise<Figures[]> {
  await using group = new ChildGroup()
  const client = createClient()
  const server = await startApplication()
  const { port } = server.address() as AddressInfo
  const mesh = new WeftMesh(group, `overload-${index}`)
  await mesh.startControl(documents(port, spec))
  const [local = 0] = await freePorts(1)
  const upstreams = [{ host: '127.0.0.1', port: local, service: 'orders' }]
  await mesh.startSidecar({ workload: 'orders', ports: [port], upstreams: [], accessLog: 'off' })
  await mesh.startSidecar({ workload: 'web', ports: [], upstreams, accessLog: 'off' })
  await group.waitFor('answer', async () => (await client.ask(local)).status === 200)
  try {
    return [await load(client, local, 1), await load(client, local, 2)]
  } finally {
    server.closeAllConnections()
    server.close()
    client.close()
  }
}

/** What is left of a service that is asked for twice what it can do. About a minute. */
export const overload: Experiment = {
  name: 'overload',
  async run() {
    const rows: (string | number)[][] = []
    for (const [index, { name, spec }] of cases.entries())
      for (const [at, figures] of (await measure(index, spec)).entries()) {
        const { goodPerSecond, refused, late, p99 } = figures
        const ofCapacity = Math.round((goodPerSecond / capacity) * 100)
        rows.push([name, `${at + 1}×`, goodPerSecond, ofCapacity, refused, late, p99])
      }
    return [
      `An application for ${capacity} requests a second (${workers} at a time, ${serviceMs} ms each) that does not see its callers go, callers that wait ${deadlineMs} ms, requests begun by the clock.`,
      '',
      markdownTable(
        [
          'setting',
          'offered',
          'good/s',
          '% of capacity',
          '% 503 or 429',
          '% late',
          'p99 of good, ms',
        ],
        rows,
      ),
    ]
  },
}
