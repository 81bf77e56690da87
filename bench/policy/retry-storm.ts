import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { openLoop } from '../functions/open-loop.ts'
import { ChildGroup } from '../setting/child-group.ts'
import { freePorts } from '../setting/free-port.ts'
import { WeftMesh } from '../subjects/weft-mesh.ts'
import { createClient, type Client } from './client.ts'
import type { Experiment } from './experiment.ts'
import { markdownTable } from './table.ts'

const perSecond = 100
const normalSeconds = 3
const failingSeconds = 10
const names = ['a', 'b', 'c'] as const

interface Case {
  readonly name: string
  /** Of each service's TrafficPolicy. */
  readonly spec: string
  /** What the applications say in their own calls of the request that they make them for. */
  readonly passOn: (request: http.IncomingMessage) => http.OutgoingHttpHeaders
}

const requestId = 'x-request-id'
const passesOn: Case['passOn'] = ({ headers }) => ({ [requestId]: headers[requestId] })

const cases: readonly Case[] = [
  { name: "Weft's defaults", spec: '', passOn: passesOn },
  {
    name: "Weft's defaults without circuit breakers and ejection",
    spec: 'circuitBreaker: { enabled: false }\n  outlierDetection: { enabled: false }',
    passOn: passesOn,
  },
  {
    // Sidecars that know nothing of each other's retries: the applications begin a new request id at each hop.
    name: "Envoy's common setting, in Weft: 2 retries a hop, no budget, no breaker, hops know nothing of each other",
    spec: `circuitBreaker: { enabled: false }
  outlierDetection: { enabled: false }
  retry: { attempts: 2 }
  retryBudget: { ratio: 1, minPerSecond: 1000000 }`,
    passOn: () => ({ [requestId]: randomUUID() }),
  },
]

/** Requests that reached the bottom, and whether it fails. */
interface Bottom {
  requests: number
  failing: boolean
}

async function listen(handler: http.RequestListener): Promise<http.Server> {
  const server = http.createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: http.Server): number {
  return (server.address() as AddressInfo).port
}

/** Answers as the next hop does. */
function hop(client: Client, next: number, passOn: Case['passOn']): http.RequestListener {
  return (request, response) => {
    void client.ask(next, passOn(request)).then(({ status }) => {
      response.writeHead(status === 200 ? 200 : 503).end()
    })
  }
}

function documents(ports: readonly number[], spec: string): string {
  return names
    .flatMap((name, index) => [
      `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ port: 80, targetPort: ${ports[index]} }] }`,
      ...(spec === ''
        ? []
        : [
            `apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name} }
spec:
  targetRef: { name: ${name} }
  ${spec}`,
          ]),
    ])
    .join('\n---\n')
}

interface Figures {
  readonly normal: number
  readonly failing: number
  readonly worstSecond: number
}

async function measure(given: Case, index: number): Promise<Figures> {
  await using group = new ChildGroup()
  const client = createClient()
  const bottom: Bottom = { requests: 0, failing: false }
  const upstreams = await freePorts(names.length)
  const [toA = 0, toB = 0, toC = 0] = upstreams
  const servers = [
    await listen(hop(client, toB, given.passOn)),
    await listen(hop(client, toC, given.passOn)),
    await listen((_request, response) => {
      bottom.requests++
      response.writeHead(bottom.failing ? 503 : 200).end()
    }),
  ]
  const ports = servers.map(portOf)
  const mesh = new WeftMesh(group, `storm-${index}`)
  await mesh.startControl(documents(ports, given.spec))
  const workloads = ['client', ...names]
  for (const [at, workload] of workloads.entries()) {
    const service = names[at]
    await mesh.startSidecar({
      workload,
      ports: at === 0 ? [] : [ports[at - 1] ?? 0],
      upstreams:
        service === undefined ? [] : [{ host: '127.0.0.1', port: upstreams[at] ?? 0, service }],
      accessLog: 'off',
    })
  }
  await group.waitFor('answer through all hops', async () => (await client.ask(toA)).status === 200)
  const call = async (): Promise<void> => void (await client.ask(toA))
  try {
    return await observe(bottom, call)
  } finally {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
    client.close()
  }
}

async function observe(bottom: Bottom, call: () => Promise<void>): Promise<Figures> {
  const load = openLoop(call, {
    perSecond,
    seconds: normalSeconds + failingSeconds,
    warmUpSeconds: 1,
  })
  await pause(1000)
  const normal = (await perSecondOf(bottom, normalSeconds)).reduce((sum, count) => sum + count, 0)
  bottom.failing = true
  const failing = await perSecondOf(bottom, failingSeconds)
  await load
  return {
    normal: normal / normalSeconds,
    failing: failing.reduce((sum, count) => sum + count, 0) / failingSeconds,
    worstSecond: Math.max(...failing),
  }
}

/** Requests at the bottom in each of so many seconds. */
async function perSecondOf(bottom: Bottom, seconds: number): Promise<number[]> {
  const counts: number[] = []
  for (let i = 0; i < seconds; i++) {
    const before = bottom.requests
    await pause(1000)
    counts.push(bottom.requests - before)
  }
  return counts
}

/** What a service at the bottom of three hops gets when it fails. About a minute. */
export const retryStorm: Experiment = {
  name: 'retry-storm',
  async run() {
    const rows: (string | number)[][] = []
    for (const [index, given] of cases.entries()) {
      const { normal, failing, worstSecond } = await measure(given, index)
      const share = (value: number): number => Math.round((value / normal) * 100) / 100
      rows.push([given.name, Math.round(normal), share(failing), share(worstSecond)])
    }
    return [
      `client → a → b → c, ${perSecond} requests a second; c answers all with 503 for ${failingSeconds} s. Load on c:`,
      '',
      markdownTable(
        ['setting', 'normal, requests/s', 'failing ÷ normal', 'worst second ÷ normal'],
        rows,
      ),
    ]
  },
}
