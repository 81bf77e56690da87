// A sidecar on several threads is one sidecar for everybody else.
import type http from 'node:http'
import t from 'tap'
import { call, eventually, startApplication, startMesh, startSidecar } from '../support/mesh.ts'

const yaml = (port: number, extra = ''): string => `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ name: http, port: 80, targetPort: ${port} }] }
${extra}`

/** Each request on a connection of its own, so that the kernel may choose a thread for it. */
async function callMany(port: number, count: number): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => call(port)))
  return answers.map(({ status }) => status)
}

async function metric(admin: number, line: string): Promise<number> {
  const { body } = await call(admin, { path: '/metrics' })
  const found = body.split('\n').filter(text => text.startsWith(line))
  return found.reduce((sum, text) => sum + Number(text.split(' ').at(-1)), 0)
}

interface Clusters {
  readonly workers: readonly {
    readonly outbound: readonly { endpoints: readonly { requests: number }[] }[]
  }[]
}

t.test('threads share the ports, and are one in discovery and metrics', async t => {
  const port = await startApplication(t, (_request, response) => response.end('hello'))
  const mesh = await startMesh(t, yaml(port))
  const overrides = { workers: 3 }
  await startSidecar(t, mesh, { name: 'orders', ports: [port], overrides })
  const client = await startSidecar(t, mesh, { name: 'web', upstreams: ['orders'], overrides })
  const [local = 0] = client.ports.upstreams
  const { admin } = client.ports
  await eventually(
    () => call(local),
    ({ status }) => status === 200,
  )
  const before = await metric(
    admin,
    'weft_requests_total{direction="outbound",cluster="orders.default:80",code_class="2xx"',
  )
  const statuses = await callMany(local, 100)
  t.ok(statuses.every(status => status === 200))
  const after = await metric(
    admin,
    'weft_requests_total{direction="outbound",cluster="orders.default:80",code_class="2xx"',
  )
  t.equal(after - before, 100)
  t.equal(await metric(admin, 'weft_endpoints{cluster="orders.default:80",state="available"}'), 1)
  t.equal(await metric(admin, 'weft_control_plane_connected'), 1)
  const { workers } = JSON.parse((await call(admin, { path: '/clusters' })).body) as Clusters
  t.equal(workers.length, 3)
  const shares = workers.map(({ outbound }) => outbound[0]?.endpoints[0]?.requests ?? 0)
  t.ok(shares.filter(share => share > 0).length > 1, `shared out as ${shares.join(', ')}`)
  t.ok(client.accessLog.length >= 100, 'their access log is one')
})

t.test('a change of routes reaches every thread before it is acked', async t => {
  const port = await startApplication(t, (_request, response) => response.end('hello'))
  const mesh = await startMesh(t, yaml(port))
  await startSidecar(t, mesh, { name: 'orders', ports: [port] })
  const client = await startSidecar(t, mesh, {
    name: 'web',
    upstreams: ['orders'],
    overrides: { workers: 2 },
  })
  const [local = 0] = client.ports.upstreams
  await eventually(
    () => callMany(local, 10),
    statuses => statuses.every(status => status === 200),
  )
  const { writeFileSync } = await import('node:fs')
  const route = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: nothing }
spec:
  parentRefs: [{ group: "", kind: Service, name: orders }]
  rules: [{ matches: [{ path: { type: Exact, value: /only } }], backendRefs: [{ name: orders, port: 80 }] }]
`
  writeFileSync(mesh.configPath, yaml(port, route))
  const statuses = await eventually(
    () => callMany(local, 10),
    answers => answers.includes(404),
  )
  t.ok(statuses.length > 0)
  await eventually(
    () => callMany(local, 10),
    answers => answers.every(status => status === 404),
  )
  t.pass()
})

t.test('drain waits for what is in flight on any thread', async t => {
  const held: http.ServerResponse[] = []
  const port = await startApplication(t, (request, response) => {
    if (request.url === '/slow') held.push(response)
    else response.end('quick')
  })
  const mesh = await startMesh(t, yaml(port))
  const server = await startSidecar(t, mesh, {
    name: 'orders',
    ports: [port],
    overrides: { workers: 2 },
  })
  const client = await startSidecar(t, mesh, { name: 'web', upstreams: ['orders'] })
  const [local = 0] = client.ports.upstreams
  await eventually(
    () => call(local),
    ({ status }) => status === 200,
  )
  const slow = Array.from({ length: 10 }, () => call(local, { path: '/slow' }))
  await eventually(
    () => held.length,
    count => count === 10,
  )
  const drained = call(server.ports.admin, { path: '/drain/inbound', method: 'POST' })
  for (const response of held) response.end('slow')
  t.ok((await Promise.all(slow)).every(({ body }) => body === 'slow'))
  t.match(await drained, { status: 200, body: /true/ })
})

t.test('a port that is taken is named as ever', async t => {
  const port = await startApplication(t, (_request, response) => response.end())
  const mesh = await startMesh(t, yaml(port))
  const taken = { host: '127.0.0.1', port }
  const overrides = { workers: 2, outbound: taken }
  await t.rejects(
    startSidecar(t, mesh, { name: 'web', overrides }),
    /cannot listen on .*outboundPort/,
  )
})
