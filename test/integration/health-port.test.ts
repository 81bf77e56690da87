import { once } from 'node:events'
import type http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import t from 'tap'
import { silentLogger } from '../../src/base/log.ts'
import type { HealthBootstrap } from '../../src/model/bootstrap.ts'
import { startProxy } from '../../src/proxy/app.ts'
import { checkExposition } from '../support/health/check-exposition.ts'
import {
  bootstrapOf,
  call,
  eventually,
  startApplication,
  startMesh,
  startSidecar,
} from '../support/mesh.ts'
import { freePorts } from '../support/process.ts'

const host = '127.0.0.1'

const services = `
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: web, labels: { app: web } }
spec: { ports: [{ name: http, port: 8080 }] }
`

const anyPort = { host, port: 0 }

t.test(
  'it is there before the certificate, and green only with certificate and snapshot',
  async t => {
    const mesh = await startMesh(t, services)
    const bootstrap = await bootstrapOf(mesh, { name: 'web' })
    const [health = 0, push = 0] = await freePorts(2)
    const abort = new AbortController()
    // A control plane that takes connections and says nothing, until it is the real one's turn.
    const gate = net.createServer(socket => {
      if (!open) return void socket.on('error', () => {}).resume()
      const onward = net.connect(mesh.pushPort, host)
      for (const end of [socket, onward]) end.on('error', () => {})
      socket.on('close', () => onward.destroy())
      onward.on('close', () => socket.destroy())
      socket.pipe(onward).pipe(socket)
      sockets.add(socket)
    })
    const sockets = new Set<net.Socket>()
    let open = false
    gate.listen(push, host)
    await once(gate, 'listening')
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
      gate.close()
    })
    const starting = startProxy(
      {
        ...bootstrap,
        controlPlane: { ...bootstrap.controlPlane, port: push },
        health: { host, port: health },
      },
      {
        logger: silentLogger,
        processMetrics: () => [],
        writeAccessLog: () => {},
        memory: { resident: () => 0, trim: () => {} },
        build: 'test',
        signal: abort.signal,
      },
    )
    starting.catch(() => {})
    t.teardown(() => abort.abort())
    const ready = () => call(health, { path: '/ready' }).catch(() => undefined)
    const first = await eventually(ready, answer => answer !== undefined)
    t.match(first, { status: 503, body: /a certificate of the mesh/ })
    t.match(await call(health, { path: '/live' }), { status: 200 })
    t.match(await call(health, { path: '/metrics' }), { status: 200 })
    open = true
    const proxy = await starting
    t.teardown(() => proxy.close())
    t.equal(proxy.ports.health, health)
    await eventually(ready, answer => answer?.status === 200)
  },
)

t.test('it shows what is for others to know, and nothing else of the admin port', async t => {
  const mesh = await startMesh(t, services)
  const { ports } = await startSidecar(t, mesh, { name: 'web', overrides: { health: anyPort } })
  const { health = 0 } = ports
  await eventually(
    () => call(health, { path: '/ready' }),
    ({ status }) => status === 200,
  )
  for (const path of ['/config', '/clusters', '/dns', '/function', '/drain', '/app-health/x']) {
    const answer = await call(health, { path, method: path === '/drain' ? 'POST' : 'GET' })
    t.equal(answer.status, 404, path)
    t.strictSame(JSON.parse(answer.body), { pages: ['/live', '/ready', '/metrics'] })
  }
  t.match(await call(health, { path: '/metrics', method: 'POST' }), { status: 405 })
})

t.test('a port that is taken is named with its settings, and leaves none open', async t => {
  const mesh = await startMesh(t, services)
  const taken = net.createServer().listen(0, host)
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const [admin = 0] = await freePorts(1)
  await t.rejects(
    startSidecar(t, mesh, {
      name: 'web',
      overrides: { admin: { host, port: admin }, health: { host, port } },
    }),
    { message: new RegExp(`${port} \\(health; move it with WEFT_HEALTH`) },
  )
  await t.rejects(call(admin), { code: 'ECONNREFUSED' })
})

t.test('probes of the application are made by path, one at a time', async t => {
  const mesh = await startMesh(t, services)
  let healthy = true
  let inFlight = 0
  let most = 0
  const release = Promise.withResolvers<void>()
  const application = await startApplication(t, ({ url }, response) => {
    most = Math.max(most, ++inFlight)
    const answer = (): void => {
      inFlight--
      response.writeHead(healthy ? 200 : 500).end()
    }
    if (url === '/slow') void release.promise.then(answer)
    else answer()
  })
  const probe = { kind: 'http', port: application, timeoutMs: 5000 } as const
  const probes: HealthBootstrap['probes'] = {
    '/app-health/web/livez': { ...probe, path: '/live' },
    '/app-health/web/readyz': { ...probe, path: '/slow' },
    '/app-health/web/startupz': { kind: 'tcp', port: application, timeoutMs: 5000 },
    '/ready': { ...probe, path: '/no' },
  }
  const { ports } = await startSidecar(t, mesh, {
    name: 'web',
    ports: [application],
    overrides: { health: { ...anyPort, probes } },
  })
  const { health = 0 } = ports
  const ask = (path: string) => call(health, { path })
  t.match(await ask('/app-health/web/livez'), { status: 200, body: /answered 200/ })
  t.match(await ask('/app-health/web/livez?verbose'), { status: 200 })
  t.match(await ask('/app-health/web/startupz'), { status: 200 })
  t.equal((await ask('/app-health/web')).status, 404)
  t.match(await ask('/ready'), { body: /ready/ }, 'no probe stands in the place of our own pages')
  healthy = false
  t.match(await ask('/app-health/web/livez'), { status: 503, body: /answered 500/ })

  most = 0
  const many = Array.from({ length: 20 }, () => ask('/app-health/web/readyz'))
  await eventually(
    () => most,
    value => value === 1,
  )
  t.match(await ask('/app-health/web/livez'), { status: 503 }, 'another probe does not wait')
  release.resolve()
  t.strictSame(new Set((await Promise.all(many)).map(({ status }) => status)), new Set([503]))
  t.equal(most, 2)
})

t.test('metrics of both are one valid exposition, whatever the application does', async t => {
  const mesh = await startMesh(t, services)
  let answer = 'orders_total 7\nprocess_start_time_seconds 1\nweft_snapshot_info 3\n'
  const application = await startApplication(t, (_request, response) => {
    response.setHeader('content-type', 'text/plain').end(answer)
  })
  const { ports } = await startSidecar(t, mesh, {
    name: 'web',
    ports: [application],
    overrides: {
      health: { ...anyPort, applicationMetrics: { port: application, path: '/metrics' } },
    },
  })
  const { health = 0, admin } = ports
  await eventually(
    () => call(health, { path: '/ready' }),
    ({ status }) => status === 200,
  )
  const scrape = () => call(health, { path: '/metrics' })
  const both = await scrape()
  t.match(both.headers, { 'content-type': /^text\/plain; version=0\.0\.4/ })
  t.strictSame(checkExposition(both.body), [])
  t.match(both.body, /^orders_total 7$/m)
  t.match(both.body, /^weft_application_metrics_up 1$/m)
  t.match(both.body, /^weft_snapshot_info\{version="[^"]+"\} 1$/m)
  t.notMatch(both.body, /^weft_snapshot_info 3$/m)
  t.notMatch((await call(admin, { path: '/metrics' })).body, /^orders_total/m)

  answer = '<html>'
  const ours = await scrape()
  t.equal(ours.status, 200)
  t.strictSame(checkExposition(ours.body), [])
  t.match(ours.body, /^weft_application_metrics_up 0$/m)
  t.match(ours.body, /^weft_application_metrics_failures_total 1$/m)
  t.match(ours.body, /^weft_snapshot_info/m)
})

t.test('it turns red when the drain begins, and stays until its end', async t => {
  const mesh = await startMesh(t, services)
  const open = new Set<http.ServerResponse>()
  const application = await startApplication(t, (_request, response) => void open.add(response))
  const { ports, ...proxy } = await startSidecar(t, mesh, {
    name: 'web',
    ports: [application],
    overrides: { health: anyPort, drainTimeoutMs: 1500 },
  })
  const { health = 0 } = ports
  const ready = () => call(health, { path: '/ready' })
  await eventually(ready, ({ status }) => status === 200)
  let drained = false
  const draining = proxy.drain().then(() => (drained = true))
  t.match(await ready(), { status: 503, body: /it drains/ })
  t.match(await call(health, { path: '/live' }), { status: 200 })
  // The application listens on, so that the drain goes on to its limit.
  t.equal(drained, false)
  await draining
  await t.rejects(ready(), { code: 'ECONNREFUSED' })
})
