// ServiceEntries: what is beyond the mesh, reached by TLS that the sidecar originates and verifies.
import { once } from 'node:events'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type tls from 'node:tls'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { wallNow } from '../../src/base/clock.ts'
import {
  externalAuthority,
  startHttp2,
  startHttps,
  startTlsEcho,
  throughProxy,
  type ExternalAuthority,
} from '../support/external.ts'
import { call, eventually, startApplication, startMesh, startSidecar } from '../support/mesh.ts'
import { startTcpApplication, TcpClient } from '../support/tcp.ts'

interface Entry {
  readonly hosts?: readonly string[]
  readonly ports: readonly object[]
  readonly [field: string]: unknown
}

/** One of the name `api` whose endpoints are on this machine. */
function entryYaml({ hosts = ['api.example.com'], ...fields }: Entry): string {
  const spec = { hosts, resolution: 'static', endpoints: [{ address: '127.0.0.1' }], ...fields }
  return `
apiVersion: weft.dev/v1alpha1
kind: ServiceEntry
metadata: { name: api }
spec: ${JSON.stringify(spec)}
---`
}

const registryOnly = `
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: mesh }
spec: { outboundTrafficPolicy: registryOnly }
---`

async function startCaller(t: Test, yaml: string) {
  const mesh = await startMesh(t, yaml)
  const caller = await startSidecar(t, mesh, { name: 'web' })
  await eventually(
    () => call(caller.ports.outbound, { headers: { host: 'nobody' } }),
    ({ headers }) => headers['x-weft-reason'] === 'no_route',
  )
  return { ...caller, mesh }
}

const toApi = { headers: { host: 'api.example.com' } }

function plainEntry(targetPort: number, authority?: ExternalAuthority, tlsFields: object = {}) {
  return entryYaml({
    ports: [{ number: 80, protocol: 'http', targetPort }],
    tls: { ...(authority && { caFile: authority.caFile }), ...tlsFields },
  })
}

t.test('the application says http, and the sidecar speaks verified TLS', async t => {
  const authority = await externalAuthority(t)
  const certificate = await authority.issue(['api.example.com'])
  const port = await startHttps(t, certificate)
  const caller = await startCaller(t, plainEntry(port, authority))
  const expected = 'GET /v1?a=b api.example.com by api.example.com'
  t.match(await call(caller.ports.outbound, { ...toApi, path: '/v1?a=b' }), {
    status: 200,
    body: expected,
  })
  const byProxy = await call(caller.ports.outbound, { path: 'http://api.example.com/v1?a=b' })
  t.equal(byProxy.body, expected)
  const { body } = await call(caller.ports.admin, { path: '/metrics' })
  t.match(body, /weft_requests_total\{[^}]*cluster="api.example.com:80"[^}]*\} 2/)
})

t.test(
  'a server that is not who was called is refused, with the reason and what to do',
  async t => {
    const authority = await externalAuthority(t)
    const names = ['api.example.com']
    const expired = await authority.issue(names, { notAfter: new Date(wallNow() - 60_000) })
    const cases = [
      { name: 'expired', certificate: expired, text: /expired; whoever runs it must renew it/ },
      {
        name: 'of another name',
        certificate: await authority.issue(['other.example.com']),
        text: /is for other names; set tls.sni/,
      },
      {
        name: 'signed by itself',
        certificate: await authority.issue(names, { issuer: undefined } as object),
        text: /a CA that is not believed; give that CA as tls.caFile/,
      },
      {
        name: 'of a CA that only the system could know',
        certificate: await authority.issue(names),
        believed: false,
        text: /a CA that is not believed/,
      },
    ]
    for (const { name, certificate, text, believed = true } of cases)
      await t.test(name, async t => {
        const port = await startHttps(t, certificate, () => t.fail('reached'))
        const caller = await startCaller(t, plainEntry(port, believed ? authority : undefined))
        const { status, headers, body } = await call(caller.ports.outbound, toApi)
        t.match([status, headers['x-weft-reason']], [503, 'tls_failed'])
        t.match(body, text)
        t.match(body, `api.example.com (127.0.0.1:${port})`)
      })
    await t.test('one that speaks no TLS at all', async t => {
      const port = await startApplication(t, () => t.fail('reached'))
      const caller = await startCaller(t, plainEntry(port, authority))
      const { headers, body } = await call(caller.ports.outbound, toApi)
      t.equal(headers['x-weft-reason'], 'tls_failed')
      t.match(body, /does not speak TLS on this port.*set targetPort/)
    })
    await t.test('one of TLS 1.1', async t => {
      const old = {
        minVersion: 'TLSv1.1',
        maxVersion: 'TLSv1.1',
        ciphers: 'ALL@SECLEVEL=0',
      } as const
      const port = await startHttps(t, { ...(await authority.issue(names)), ...old })
      const caller = await startCaller(t, plainEntry(port, authority))
      const { headers, body } = await call(caller.ports.outbound, toApi)
      t.equal(headers['x-weft-reason'], 'tls_failed')
      t.match(body, /TLS of version 1.2 or newer/)
    })
  },
)

t.test('other names and URIs of the certificate count where the entry lists them', async t => {
  const authority = await externalAuthority(t)
  const uri = 'spiffe://partner/api'
  const certificate = await authority.issue(['internal.partner'], { uris: [uri] })
  const port = await startHttps(t, certificate)
  for (const [subjectAltNames, status] of [
    [['internal.partner'], 200],
    [['nobody', uri], 200],
    [['spiffe://partner/ap'], 503],
    [['api.example.com'], 503],
  ] as const) {
    const caller = await startCaller(t, plainEntry(port, authority, { subjectAltNames }))
    t.equal((await call(caller.ports.outbound, toApi)).status, status, subjectAltNames.join())
  }
  const caller = await startCaller(t, plainEntry(port, authority, { sni: 'internal.partner' }))
  t.match(await call(caller.ports.outbound, toApi), { body: /by internal.partner$/ })
})

t.test('in the mode mutual the sidecar proves who it is', async t => {
  const authority = await externalAuthority(t)
  const client = authority.write('client', await authority.issue([], { subject: 'CN=web' }))
  const server = { ca: authority.bundle, requestCert: true, rejectUnauthorized: true }
  const port = await startHttps(
    t,
    { ...(await authority.issue(['api.example.com'])), ...server },
    (request, response) => {
      const { subject } = (request.socket as tls.TLSSocket).getPeerCertificate()
      response.end(subject.CN)
    },
  )
  const files = { clientCertificateFile: client.cert, privateKeyFile: client.key }
  const caller = await startCaller(t, plainEntry(port, authority, { mode: 'mutual', ...files }))
  t.equal((await call(caller.ports.outbound, toApi)).body, 'web')
  const anonymous = await startCaller(t, plainEntry(port, authority))
  // In TLS 1.3 a server refuses us after our handshake has ended, and may close before we have read why.
  t.ok((await call(anonymous.ports.outbound, toApi)).status >= 500)
  const missing = { ...files, privateKeyFile: '/nowhere/key.pem' }
  const broken = await startCaller(t, plainEntry(port, authority, { mode: 'mutual', ...missing }))
  t.match((await call(broken.ports.outbound, toApi)).body, /no such file.*\/nowhere\/key.pem/)
})

t.test('HTTP/2 is agreed on by ALPN, and refused to who does not speak it', async t => {
  const authority = await externalAuthority(t)
  const certificate = await authority.issue(['api.example.com'])
  const http2Entry = (targetPort: number): string =>
    entryYaml({
      ports: [{ number: 80, protocol: 'http2', targetPort }],
      tls: { caFile: authority.caFile },
    })
  const caller = await startCaller(t, http2Entry(await startHttp2(t, certificate)))
  t.equal((await call(caller.ports.outbound, toApi)).body, '2.0 https api.example.com')
  const other = await startCaller(t, http2Entry(await startHttps(t, certificate)))
  const { headers, body } = await call(other.ports.outbound, toApi)
  t.equal(headers['x-weft-reason'], 'tls_failed')
  t.match(body, /HTTP\/2; give its port the protocol http/)
})

t.test('raw bytes are carried in TLS, to their end', async t => {
  const authority = await externalAuthority(t)
  const port = await startTlsEcho(t, await authority.issue(['db.example.com']))
  const caller = await startCaller(
    t,
    entryYaml({
      hosts: ['db.example.com'],
      ports: [{ number: 5432, protocol: 'tcp', targetPort: port }],
      tls: { caFile: authority.caFile },
    }),
  )
  const client = await TcpClient.connect(t, caller.ports.outbound)
  client.socket.write('CONNECT db.example.com:5432 HTTP/1.1\r\nHost: db.example.com:5432\r\n\r\n')
  await client.until(({ received }) => received.includes('\r\n\r\n'))
  const text = 'through TLS '.repeat(20_000)
  client.socket.end(text)
  await client.until(({ ended }) => ended)
  t.equal(client.received.split('\r\n\r\n')[1], text)
  const leaving = await TcpClient.connect(t, caller.ports.outbound)
  leaving.socket.write('CONNECT db.example.com:5432 HTTP/1.1\r\nHost: db.example.com:5432\r\n\r\n')
  await leaving.until(({ received }) => received.includes('\r\n\r\n'))
  leaving.socket.resetAndDestroy()
  await eventually(
    async () => (await call(caller.ports.admin, { path: '/metrics' })).body,
    metrics => /weft_tunnels_closed_total\{[^}]*db.example.com:5432"\} 2/.test(metrics),
  )
})

t.test('the entries are the allow-list of a registryOnly mesh', async t => {
  const authority = await externalAuthority(t)
  const port = await startHttps(t, await authority.issue(['api.example.com']))
  const ports = [
    { number: 80, protocol: 'http', targetPort: port },
    { number: 443, protocol: 'tls', targetPort: port },
  ]
  const yaml = registryOnly + entryYaml({ ports, tls: { caFile: authority.caFile } })
  const { outbound } = (await startCaller(t, yaml)).ports
  t.equal((await call(outbound, toApi)).status, 200)
  t.match(
    await throughProxy(t, outbound, { host: 'api.example.com', authority }),
    / by api.example.com/,
  )
  const refused = await call(outbound, { headers: { host: 'evil.example.com' } })
  t.equal(refused.headers['x-weft-reason'], 'no_route')
  t.match(refused.body, /needs a ServiceEntry/)
  const tunnel = await throughProxy(t, outbound, { host: 'evil.example.com', authority })
  t.match(tunnel, /^HTTP\/1.1 404 [^]*x-weft-reason: no_route[^]*ServiceEntry/)
})

t.test('a mesh that allows any passes a CONNECT to an address beyond on', async t => {
  const port = await startTcpApplication(t, socket => void socket.end('beyond'))
  const caller = await startCaller(t, entryYaml({ ports: [{ number: 80, protocol: 'http' }] }))
  const client = await TcpClient.connect(t, caller.ports.outbound)
  client.socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
  await client.until(({ ended }) => ended)
  t.match(client.received, /^HTTP\/1.1 200 [^]*beyond$/)
})

t.test('a TrafficPolicy of an entry holds for its hosts', async t => {
  let asked = 0
  const authority = await externalAuthority(t)
  const certificate = await authority.issue(['api.example.com'])
  const port = await startHttps(t, certificate, (_request, response) => {
    response.statusCode = ++asked < 4 ? 503 : 200
    response.end()
  })
  const policy = `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: api }
spec:
  targetRef: { group: weft.dev, kind: ServiceEntry, name: api }
  retry: { attempts: 3, backoff: 1ms }
---`
  const caller = await startCaller(t, plainEntry(port, authority) + policy)
  t.equal((await call(caller.ports.outbound, toApi)).status, 200)
  t.equal(asked, 4)
})

t.test('an entry is known in the namespaces that it is exported to', async t => {
  const port = await startApplication(t, (_request, response) => response.end('hello'))
  for (const [exportTo, status] of [
    [['*'], 200],
    [['.'], 200],
    [['default'], 200],
    [['shop'], 404],
  ] as const) {
    const ports = [{ number: 80, protocol: 'http', targetPort: port }]
    const caller = await startCaller(t, entryYaml({ ports, exportTo }))
    t.equal((await call(caller.ports.outbound, toApi)).status, status, exportTo.join())
  }
})

t.test('a WebSocket is carried in TLS', async t => {
  const authority = await externalAuthority(t)
  const server = https.createServer(await authority.issue(['api.example.com']))
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', socket => {
    socket.on('message', (data: Buffer) => socket.send(`heard ${data.toString()}`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    sockets.close()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const caller = await startCaller(t, plainEntry(port, authority))
  const connect = async (): Promise<WebSocket> => {
    const client = new WebSocket(`ws://127.0.0.1:${caller.ports.outbound}/chat`, toApi)
    t.teardown(() => client.terminate())
    await once(client, 'open')
    return client
  }
  const client = await connect()
  client.send('hello')
  const [data] = (await once(client, 'message')) as [Buffer]
  t.equal(data.toString(), 'heard hello')
  client.close()
  await once(client, 'close')
  // One that ends without a word ends the other side as well.
  const leaving = await connect()
  leaving.terminate()
  await eventually(
    () => sockets.clients.size,
    open => open === 0,
  )
})
