// The mesh of Gateway API's conformance tests: echo-v1 to echo-v3, each behind a Service of its own, and all behind `echo`.
import { writeFileSync } from 'node:fs'
import type http2 from 'node:http2'
import type { Test } from 'tap'
import { ask, connectHttp2, startHttp2Application } from '../../support/http2.ts'
import {
  call,
  eventually,
  startApplication,
  startMesh,
  startSidecar,
  type TestMesh,
  type TestProxy,
} from '../../support/mesh.ts'
import { consumerNamespace, meshNamespace, type Row } from './table.ts'

/** What an application has got. */
interface Echo {
  readonly backend: string
  readonly method: string
  readonly path: string
  readonly host: string
  readonly headers: Readonly<Record<string, string>>
}

export interface EchoApplications {
  readonly ports: ReadonlyMap<string, { readonly http: number; readonly grpc: number }>
  /** All requests so far. */
  readonly seen: Echo[]
}

const versions = ['v1', 'v2', 'v3'] as const
const answerField = 'x-echo-answer'
const echoField = 'x-echo'

export async function startEchoApplications(t: Test): Promise<EchoApplications> {
  const seen: Echo[] = []
  const ports = new Map<string, { readonly http: number; readonly grpc: number }>()
  for (const version of versions) {
    const backend = `echo-${version}`
    const http = await startApplication(t, (request, response) => {
      const { method = '', url = '', headers } = request
      const { host = '', [answerField]: wanted = '{}', ...rest } = joined(headers)
      const echo = { backend, method, path: url, host, headers: rest }
      seen.push(echo)
      response.writeHead(200, JSON.parse(wanted) as Record<string, string>)
      response.end(JSON.stringify(echo))
    })
    const grpc = await startHttp2Application(t, (stream, headers) => {
      const path = String(headers[':path'])
      const host = String(headers[':authority'])
      const echo = { backend, method: 'POST', path, host, headers: joined(headers) }
      seen.push(echo)
      stream.respond(
        {
          ':status': 200,
          'content-type': 'application/grpc',
          [echoField]: JSON.stringify(echo),
        },
        { waitForTrailers: true },
      )
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end()
    })
    ports.set(backend, { http, grpc })
  }
  return { ports, seen }
}

function joined(headers: http2.IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : String(value).replaceAll(', ', ','),
    ]),
  )
}

function service(name: string, selector: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: meshNamespace },
    spec: {
      selector,
      ports: [
        { name: 'http', port: 80, appProtocol: 'http', targetPort: 'http' },
        { name: 'http-alt', port: 8080, appProtocol: 'http', targetPort: 'http' },
        { name: 'grpc', port: 7070, appProtocol: 'kubernetes.io/h2c', targetPort: 'grpc' },
      ],
    },
  }
}

export interface EchoMesh {
  /** Gives the mesh these routes and no others, and waits until all callers have them. */
  readonly use: (routes: readonly object[]) => Promise<void>
  /** Sends the request of a row through its caller's sidecar. */
  readonly send: (request: Row['request']) => Promise<Answer>
}

export interface Answer {
  readonly status: number
  readonly grpcStatus: number | undefined
  readonly headers: Readonly<Record<string, string>>
  /** Undefined: no application answered. */
  readonly echo: Echo | undefined
}

/** Two callers: echo-v1 itself, and one in a namespace of its own. */
export async function startEchoMesh(t: Test, { ports }: EchoApplications): Promise<EchoMesh> {
  const workloads = [...ports].map(([name, { http, grpc }]) => ({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Workload',
    metadata: { name, namespace: meshNamespace },
    spec: {
      ports: [
        { name: 'http', port: http },
        { name: 'grpc', port: grpc },
      ],
    },
  }))
  const services = [
    service('echo', { app: 'echo' }),
    ...versions.map(version => service(`echo-${version}`, { app: 'echo', version })),
  ]
  const yaml = (...more: readonly object[]): string =>
    [...services, ...workloads, ...more].map(document => JSON.stringify(document)).join('\n---\n')
  const mesh = await startMesh(t, yaml())
  const sidecars = new Map<string, TestProxy>()
  const upstreams = versions.map(version => `echo-${version}.${meshNamespace}`)
  for (const [name, { http, grpc }] of ports)
    sidecars.set(
      name,
      await startSidecar(t, mesh, {
        name,
        namespace: meshNamespace,
        labels: { app: 'echo', version: name.slice('echo-'.length) },
        ports: [http, grpc],
        upstreams,
      }),
    )
  const consumer = await startSidecar(t, mesh, { name: 'consumer', namespace: consumerNamespace })
  const producer = sidecars.get('echo-v1')
  if (producer === undefined) throw new Error('echo-v1 has no sidecar')
  for (const caller of [producer, consumer]) await knowsAll(caller)
  let changes = 0
  const use = async (routes: readonly object[]): Promise<void> => {
    const before = acked(mesh)
    // Always another name: whatever the routes, all sidecars get another snapshot.
    writeFileSync(
      mesh.configPath,
      yaml(service(`change-${++changes}`, { app: 'nobody' }), ...routes),
    )
    await eventually(
      () => acked(mesh),
      now => now.every((version, index) => version !== undefined && version !== before[index]),
    )
  }
  const send = async (request: Row['request']): Promise<Answer> => {
    const caller = request.from === 'consumer' ? consumer : producer
    const index = upstreams.indexOf(`${request.via}.${meshNamespace}`)
    const port = index < 0 ? caller.ports.outbound : (caller.ports.upstreams[index] ?? 0)
    return request.grpc === true ? sendGrpc(t, port, request) : sendHttp(port, request)
  }
  return { use, send }
}

/** By sidecar: the version of the newest snapshot, if it runs on that. */
function acked({ control }: TestMesh): (string | undefined)[] {
  return control
    .status()
    .sidecars.map(({ synced, ackedVersion }) => (synced === true ? ackedVersion : undefined))
}

/** Each Service has an endpoint, `echo` all three. */
async function knowsAll({ ports }: TestProxy): Promise<void> {
  await eventually(
    async () => (await call(ports.admin, { path: '/clusters' })).body,
    clusters => [...clusters.matchAll(/"workload": "echo-v/g)].length >= 18,
  )
}

async function sendHttp(port: number, request: Row['request']): Promise<Answer> {
  const { host = 'echo', path = '/', method = 'GET', headers, answerWith } = request
  const fields = {
    host,
    ...headers,
    ...(answerWith !== undefined && { [answerField]: JSON.stringify(answerWith) }),
  }
  const answer = await call(port, { path, method, headers: fields })
  const answered = answer.headers['x-weft-reason'] === undefined && answer.body !== ''
  return {
    status: answer.status,
    grpcStatus: undefined,
    headers: joined(answer.headers),
    echo: answered ? (JSON.parse(answer.body) as Echo) : undefined,
  }
}

async function sendGrpc(t: Test, port: number, request: Row['request']): Promise<Answer> {
  const { host = 'echo:7070', path = '/echo.Echo/Echo', headers } = request
  const session = connectHttp2(t, port)
  const { headers: head, trailers } = await ask(
    session,
    {
      ':method': 'POST',
      ':path': path,
      ':authority': host,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    },
    Buffer.alloc(5),
  )
  session.close()
  const fields = joined(head)
  const echo = fields[echoField]
  return {
    status: Number(head[':status']),
    grpcStatus: Number(trailers?.['grpc-status'] ?? head['grpc-status']),
    headers: fields,
    echo: echo === undefined ? undefined : (JSON.parse(echo) as Echo),
  }
}
