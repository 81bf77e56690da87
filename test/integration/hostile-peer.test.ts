// A member of the mesh that is no sidecar of ours: it has a certificate, and says what no sidecar would.
import { once } from 'node:events'
import http2 from 'node:http2'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import type { Identity } from '../../src/identity/identity.ts'
import { clientTlsOptions } from '../../src/identity/tls-options.ts'
import type { Inbound } from '../../src/model/inbound.ts'
import { issueIdentity, openAuthority } from '../support/authority.ts'
import { ordersSnapshot, startDataPlane } from '../support/data-plane.ts'
import { ask } from '../support/http2.ts'
import { call, startApplication } from '../support/mesh.ts'

const host = '127.0.0.1'

/** A session to the sidecar of `orders`, whose application tells which paths it was asked for. */
async function startHostile(t: Test, inbound?: Partial<Inbound>) {
  const authority = await openAuthority(t)
  const paths: string[] = []
  const port = await startApplication(t, (request, response) => {
    paths.push(request.url ?? '')
    response.end('reached')
  })
  const { plane } = await startDataPlane(t, await issueIdentity(authority, 'orders'), [port])
  const snapshot = ordersSnapshot({})
  if (inbound !== undefined)
    plane.apply({ ...snapshot, inbound: { ...snapshot.inbound, ...inbound } })
  const peer = await issueIdentity(authority, 'web')
  const session = await connect(t, peer, plane.ports.inbound)
  return { port, paths, session, outbound: plane.ports.outbound }
}

async function connect(t: Test, peer: Identity, port: number) {
  const options = clientTlsOptions(peer, { alpn: ['h2'] })
  const socket = tls.connect({ ...options, host, port } as tls.ConnectionOptions)
  await once(socket, 'secureConnect')
  const session = http2.connect(`https://${host}`, { createConnection: () => socket })
  session.on('error', () => session.destroy())
  t.teardown(() => session.destroy())
  return session
}

const shut: Partial<Inbound> = {
  authorization: [
    { name: 'default/shut', action: 'deny', rules: [{ to: [{ paths: ['/admin*'] }] }] },
  ],
  pathNormalization: 'mergeSlashes',
}

t.test('a body is never taken for the bytes of another request', async t => {
  const { port, paths, session } = await startHostile(t, shut)
  const hidden = `GET /admin HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\r\n`
  const request = { ':method': 'POST', ':path': '/public', ':authority': 'orders' }
  const raw = await ask(session, { ...request, 'x-weft-port': `${port}/tcp` }, hidden)
  t.match(raw.headers, { ':status': 400, 'x-weft-reason': 'bad_request' })
  t.same(paths, [])
  const good = await ask(session, { ...request, 'x-weft-port': String(port) }, hidden)
  t.equal(good.headers[':status'], 200)
  t.same(paths, ['/public'])
})

t.test('who is refused cannot end the calls that are made for others', async t => {
  const { session, outbound } = await startHostile(t, shut)
  const request = { ':method': 'GET', ':path': '/admin', ':authority': 'orders' }
  const guessed = { 'x-request-id': 'next' }
  const { headers } = await ask(session, { ...request, ...guessed, 'x-weft-timeout-ms': '1' })
  t.equal(headers['x-weft-reason'], 'denied')
  const own = await call(outbound, { headers: { host: 'orders', ...guessed } })
  t.equal(own.headers['x-weft-reason'], 'no_healthy_endpoint', 'and no deadline that has passed')
})

t.test('before the first snapshot, which may shut it out, nobody is let in', async t => {
  const { paths, session } = await startHostile(t)
  const request = { ':method': 'GET', ':path': '/', ':authority': 'orders' }
  const { headers } = await ask(session, request)
  t.match(headers, { ':status': 503, 'x-weft-reason': 'not_ready' })
  t.same(paths, [])
})
