import { once } from 'node:events'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { wallNow } from '../../src/base/clock.ts'
import type { ErrorCode } from '../../src/base/errors.ts'
import type { Identity } from '../../src/identity/identity.ts'
import { clientTlsOptions } from '../../src/identity/tls-options.ts'
import { errorCodes } from '../../src/telemetry/outcome-counts.ts'
import { issueIdentity, openAuthority } from '../support/authority.ts'
import {
  meshEndpoint,
  orders,
  ordersSnapshot,
  startDataPlane,
  type RunningDataPlane,
} from '../support/data-plane.ts'
import { call, startApplication } from '../support/mesh.ts'

const dayMs = 86_400_000

/** `web` calls `orders`, each with the identity that the test gives it. */
async function startPair(
  t: Test,
  { web, server }: { readonly web: Identity; readonly server: Identity },
) {
  let answered = 0
  const application = await startApplication(t, (_request, response) => {
    answered++
    response.end('hello')
  })
  const callee = await startDataPlane(t, server, [application])
  callee.plane.apply(ordersSnapshot({}))
  const caller = await startDataPlane(t, web)
  const endpoint = meshEndpoint(application, callee.plane.ports.inbound, 'orders')
  caller.plane.apply(ordersSnapshot({ endpoints: [endpoint] }))
  return { caller, callee, answered: () => answered }
}

function counted({ plane }: RunningDataPlane, reason: ErrorCode): number {
  return plane.outbound.clusters.get(orders)?.stats.byReason[errorCodes.indexOf(reason)] ?? 0
}

t.test('two identities of one mesh can talk', async t => {
  const authority = await openAuthority(t)
  const web = await issueIdentity(authority, 'web')
  const server = await issueIdentity(authority, 'orders')
  const { caller, callee } = await startPair(t, { web, server })
  t.equal((await call(caller.port)).body, 'hello')
  t.equal(callee.plane.inboundListener.handshakeFailures, 0)
})

t.test(
  'an endpoint that proves another identity than the service has is not talked to',
  async t => {
    const authority = await openAuthority(t)
    const web = await issueIdentity(authority, 'web')
    const server = await issueIdentity(authority, 'payments')
    const { caller, answered } = await startPair(t, { web, server })
    const answer = await call(caller.port)
    t.equal(answer.status, 503)
    t.equal(answer.headers['x-weft-reason'], 'identity_mismatch')
    t.equal(answered(), 0)
    t.equal(counted(caller, 'identity_mismatch'), 1)
  },
)

t.test('an endpoint with an expired certificate is not talked to', async t => {
  const authority = await openAuthority(t, { now: () => wallNow() - 2 * dayMs })
  const fresh = await openAuthority(t)
  const web = await issueIdentity(fresh, 'web')
  const server = await issueIdentity(authority, 'orders')
  const { caller, answered } = await startPair(t, { web, server })
  const answer = await call(caller.port)
  t.equal(answer.headers['x-weft-reason'], 'tls_failed')
  t.equal(answered(), 0)
  t.equal(counted(caller, 'tls_failed'), 1)
})

t.test('an endpoint of a foreign authority is not talked to', async t => {
  const authority = await openAuthority(t)
  const foreign = await openAuthority(t, { name: 'foreign' })
  const web = await issueIdentity(authority, 'web')
  const server = await issueIdentity(foreign, 'orders')
  const { caller, answered } = await startPair(t, { web, server })
  t.equal((await call(caller.port)).headers['x-weft-reason'], 'tls_failed')
  t.equal(answered(), 0)
})

t.test('a caller with an expired certificate is refused, told why, and counted', async t => {
  const authority = await openAuthority(t)
  const old = await openAuthority(t, { now: () => wallNow() - 2 * dayMs })
  const web = await issueIdentity(old, 'web')
  const server = await issueIdentity(authority, 'orders')
  const { caller, callee, answered } = await startPair(t, { web, server })
  const answer = await call(caller.port)
  t.equal(answer.status, 503)
  t.equal(answer.headers['x-weft-reason'], 'tls_failed')
  t.equal(answered(), 0)
  t.equal(counted(caller, 'tls_failed'), 1)
  t.ok(callee.plane.inboundListener.handshakeFailures >= 1)
})

t.test('a caller of a foreign authority is refused and counted', async t => {
  const authority = await openAuthority(t)
  const foreign = await openAuthority(t, { name: 'foreign' })
  // It believes in our root, so the refusal is the other end's alone.
  const web = await issueIdentity(foreign, 'web', authority.bundle)
  const server = await issueIdentity(authority, 'orders')
  const { caller, callee, answered } = await startPair(t, { web, server })
  t.equal((await call(caller.port)).headers['x-weft-reason'], 'tls_failed')
  t.equal(answered(), 0)
  t.ok(callee.plane.inboundListener.handshakeFailures >= 1)
})

t.test('a caller of another trust domain under the same root is refused', async t => {
  const authority = await openAuthority(t)
  const other = await openAuthority(t, { name: 'other', trustDomain: 'other.local' })
  const both = authority.bundle + other.bundle
  const stranger = await issueIdentity(other, 'web', both)
  const server = await issueIdentity(authority, 'orders', both)
  const { callee, answered } = await startPair(t, { web: server, server })
  const options = clientTlsOptions(stranger, { alpn: ['http/1.1'] })
  const socket = tls.connect({ ...options, host: '127.0.0.1', port: callee.plane.ports.inbound })
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\r\nHost: orders\r\n\r\n')
  await once(socket, 'close')
  t.equal(answered(), 0)
  t.equal(callee.plane.inboundListener.handshakeFailures, 1)
})

t.test('plain text is refused when strict, taken and counted when permissive', async t => {
  const authority = await openAuthority(t)
  const server = await issueIdentity(authority, 'orders')
  const { callee, answered } = await startPair(t, { web: server, server })
  const { inbound } = callee.plane.ports
  await t.rejects(call(inbound))
  t.equal(answered(), 0)
  callee.plane.apply(ordersSnapshot({ mtls: 'permissive' }))
  t.equal((await call(inbound)).body, 'hello')
  t.equal(callee.plane.inboundListener.plainConnections, 1)
})

t.test('a renewed certificate is used without dropping what is in flight', async t => {
  const authority = await openAuthority(t)
  const held = Promise.withResolvers<void>()
  const application = await startApplication(t, (request, response) => {
    if (request.url === '/slow') void held.promise.then(() => response.end('slow'))
    else response.end('quick')
  })
  const callee = await startDataPlane(t, await issueIdentity(authority, 'orders'), [application])
  callee.plane.apply(ordersSnapshot({}))
  const caller = await startDataPlane(t, await issueIdentity(authority, 'web'))
  const endpoint = meshEndpoint(application, callee.plane.ports.inbound, 'orders')
  caller.plane.apply(ordersSnapshot({ endpoints: [endpoint] }))

  const slow = call(caller.port, { path: '/slow' })
  t.equal((await call(caller.port)).body, 'quick')
  const { listener } = callee.plane.inboundListener
  const before = listener.accepted
  caller.identity.replace(await issueIdentity(authority, 'web'))
  callee.identity.replace(await issueIdentity(authority, 'orders'))
  t.equal((await call(caller.port)).body, 'quick')
  t.equal(listener.accepted, before + 1, 'by a new connection')
  held.resolve()
  t.equal((await slow).body, 'slow')
})
