// What becomes of captured connections; how they are captured is for test/e2e/transparent.test.ts.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { serverTlsOptions } from '../../src/identity/tls-options.ts'
import type { TransparentBootstrap } from '../../src/model/bootstrap.ts'
import { issueIdentity, openAuthority } from '../support/authority.ts'
import { ordersSnapshot, startDataPlane } from '../support/data-plane.ts'
import { call, startApplication } from '../support/mesh.ts'
import { startTcpApplication, TcpClient } from '../support/tcp.ts'

const host = '127.0.0.1'
const anyPort = { host, port: 0 }

/** A data plane all of whose connections were going to `port`. */
async function startCapturing(
  t: Test,
  port: number,
  bootstrap: TransparentBootstrap = {},
  declared: readonly number[] = [],
) {
  const identity = await issueIdentity(await openAuthority(t), 'web')
  const { plane } = await startDataPlane(t, identity, declared, {
    bootstrap,
    originalDestination: () => ({ host, port }),
  })
  return { plane, outbound: plane.ports.outbound }
}

t.test('beyond the mesh a request goes where it was going, whatever it speaks', async t => {
  const web = await startApplication(t, (_request, response) => response.end('hello'))
  const { plane, outbound } = await startCapturing(t, web)
  plane.apply(ordersSnapshot({}))
  t.match(await call(outbound, { headers: { host: 'example.org' } }), {
    status: 200,
    body: 'hello',
  })
  t.equal(plane.outbound.passthrough.stats.byStatusClass[2], 1)

  const mail = await startTcpApplication(t, socket => void socket.end('220 welcome'))
  const other = await startCapturing(t, mail)
  other.plane.apply(ordersSnapshot({}))
  const client = await TcpClient.connect(t, other.outbound)
  await client.until(({ ended }) => ended)
  t.equal(client.received, '220 welcome')
})

t.test('the name of a service counts before the address', async t => {
  const { plane, outbound } = await startCapturing(t, 1)
  plane.apply(ordersSnapshot({}))
  const { headers } = await call(outbound, { headers: { host: 'orders' } })
  t.equal(headers['x-weft-reason'], 'no_healthy_endpoint')
})

t.test('nothing beyond the mesh is reached where the mesh, or this sidecar, says so', async t => {
  const web = await startApplication(t, () => t.fail('reached'))
  for (const { mesh, own } of [
    { mesh: 'registryOnly' },
    { mesh: 'allowAny', own: 'registryOnly' },
  ] as const) {
    const { plane, outbound } = await startCapturing(t, web, own && { outboundTrafficPolicy: own })
    plane.apply(ordersSnapshot({ trafficPolicy: mesh }))
    const { status, headers, body } = await call(outbound, { headers: { host: 'example.org' } })
    t.match([status, headers['x-weft-reason']], [404, 'no_route'])
    t.match(body, /registryOnly/)
  }
})

t.test('a sidecar may reach what the mesh does not let others reach', async t => {
  const web = await startApplication(t, (_request, response) => response.end('hello'))
  const { plane, outbound } = await startCapturing(t, web, { outboundTrafficPolicy: 'allowAny' })
  plane.apply(ordersSnapshot({ trafficPolicy: 'registryOnly' }))
  t.match(await call(outbound, { headers: { host: 'example.org' } }), { status: 200 })
})

t.test('nor before the first snapshot, which may say so', async t => {
  const web = await startApplication(t, () => t.fail('reached'))
  const { outbound } = await startCapturing(t, web)
  const { headers } = await call(outbound, { headers: { host: 'example.org' } })
  t.equal(headers['x-weft-reason'], 'not_ready')
})

t.test(
  'what comes in plain is let in by a permissive mesh, to declared ports and others',
  async t => {
    const port = await startApplication(t, (_request, response) => response.end('inside'))
    for (const declared of [[port], []]) {
      const { plane } = await startCapturing(t, port, { inbound: anyPort }, declared)
      const captured = plane.capturingListeners.at(-1)?.port ?? 0
      plane.apply(ordersSnapshot({ mtls: 'permissive' }))
      const elsewhere = { headers: { 'x-weft-port': '1' } }
      t.match(await call(captured, elsewhere), { status: 200, body: 'inside' })
      plane.apply(ordersSnapshot({ mtls: 'strict' }))
      t.match(await call(captured), { status: 403, headers: { 'x-weft-reason': 'denied' } })
    }
  },
)

/** A server that proves who it is by a certificate of its own, which a proxy between could not. */
async function startTlsApplication(t: Test, name: string) {
  const identity = await issueIdentity(await openAuthority(t, { name }), name)
  const options = serverTlsOptions(identity, { rejectUnauthorized: false })
  const server = tls.createServer({ ...options, requestCert: false }, socket => {
    socket.on('error', () => socket.destroy())
    socket.end(`this is ${name}`)
  })
  server.listen(0, host)
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

async function readTls(port: number, servername: string): Promise<{ text: string; by: string }> {
  const socket = tls.connect({ host, port, servername, rejectUnauthorized: false })
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(socket, 'secureConnect')
  const by = socket.getPeerX509Certificate()?.subjectAltName ?? ''
  await once(socket, 'end')
  socket.destroy()
  return { text, by }
}

t.test('TLS of the application goes by the name it asks for, untouched', async t => {
  const orders = await startTlsApplication(t, 'orders')
  const beyond = await startTlsApplication(t, 'beyond')
  const { plane, outbound } = await startCapturing(t, beyond)
  const endpoint = { id: 'orders', address: host, port: orders, weight: 1, workload: 'orders' }
  const snapshot = ordersSnapshot({ endpoints: [endpoint] })
  const services = Object.values(snapshot.services).map(service => ({ ...service, port: beyond }))
  plane.apply({
    ...snapshot,
    services: Object.fromEntries(services.map(service => [service.name, service])),
  })
  for (const name of ['orders', 'ORDERS.default']) {
    const { text, by } = await readTls(outbound, name)
    t.equal(text, 'this is orders')
    t.match(by, /sa\/orders/)
  }
  for (const name of ['example.org', '']) {
    const { text, by } = await readTls(outbound, name)
    t.equal(text, 'this is beyond')
    t.match(by, /sa\/beyond/)
  }
  t.equal(plane.outbound.detections.connections.tls, 3)
  t.equal(plane.outbound.passthrough.stats.tunnels.opened, 2)
})
