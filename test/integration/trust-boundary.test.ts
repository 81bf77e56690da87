// Faults of table C in a pair of sidecars: what one side of the mesh may make the other believe.
import { once } from 'node:events'
import type http from 'node:http'
import net from 'node:net'
import t, { type Test } from 'tap'
import { call, eventually, startApplication, startMesh, startSidecar } from '../support/mesh.ts'

const orders = (ports: readonly number[], mtls = 'strict'): string => `
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: test }
spec: { mtls: ${mtls} }
---
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ port: 80, targetPort: ${ports[0]} }] }
`

const caller = 'URI=spiffe://weft.local/ns/default/sa/web'

/** Whose sidecar also has a second port, which no Service leads to. */
async function startPair(t: Test, handler: http.RequestListener, second = 1) {
  const port = await startApplication(t, handler)
  const mesh = await startMesh(t, orders([port]))
  await startSidecar(t, mesh, { name: 'orders', ports: [port, second] })
  const client = await startSidecar(t, mesh, { name: 'web' })
  const { outbound } = client.ports
  await eventually(
    () => call(outbound, { path: '/ready', headers: { host: 'orders' } }),
    ({ status }) => status === 200,
  )
  return { outbound, client }
}

/** What comes back for bytes as they are. */
async function send(port: number, ...lines: string[]): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  socket.write([...lines, 'Connection: close', '', ''].join('\r\n'))
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
  await once(socket, 'close')
  return answer
}

/** Tells what it was sent. */
const echo: http.RequestListener = (request, response) => {
  response.end(JSON.stringify({ path: request.url, ...request.headers }))
}

function seen(answer: string): Record<string, string | undefined> {
  return JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1))
}

t.test('C1: Connection removes what it names, and nothing that a sidecar says', async t => {
  const { outbound } = await startPair(t, echo)
  const fields = seen(
    await send(
      outbound,
      'GET / HTTP/1.1',
      'Host: orders',
      'Connection: x-forwarded-client-cert, x-private, x-request-id, traceparent',
      'X-Private: secret',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic eDp5',
      'TE: deflate',
      'X-Public: yes',
    ),
  )
  t.equal(fields['x-forwarded-client-cert'], caller)
  t.equal(fields['x-public'], 'yes')
  t.ok(fields['x-request-id'])
  for (const name of ['x-private', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'te'])
    t.equal(fields[name], undefined, name)
})

t.test('C1: nor does an answer carry what was for its connection only', async t => {
  const { outbound } = await startPair(t, (_request, response) => {
    response.setHeader('Connection', 'x-private')
    response.setHeader('X-Private', 'secret')
    response.setHeader('Proxy-Connection', 'keep-alive')
    response.setHeader('Keep-Alive', 'timeout=1')
    response.setHeader('X-Public', 'yes')
    response.end()
  })
  const { headers } = await call(outbound, { headers: { host: 'orders' } })
  t.equal(headers['x-public'], 'yes')
  for (const name of ['x-private', 'proxy-connection', 'keep-alive'])
    t.equal(headers[name], undefined, name)
})

t.test('C3: nobody but the certificate says who called', async t => {
  const { outbound } = await startPair(t, echo)
  const forged = 'X-Forwarded-Client-Cert: URI=spiffe://weft.local/ns/default/sa/admin'
  for (const lines of [[forged], [forged, forged.toLowerCase()]]) {
    const fields = seen(await send(outbound, 'GET / HTTP/1.1', 'Host: orders', ...lines))
    t.equal(fields['x-forwarded-client-cert'], caller)
  }
})

t.test('C4: an application can choose no port of its peer, nor speak as a sidecar', async t => {
  const hidden = await startApplication(t, () => t.fail('reached'))
  const { outbound } = await startPair(t, echo, hidden)
  const fields = seen(
    await send(
      outbound,
      'GET / HTTP/1.1',
      'Host: orders',
      `X-Weft-Port: ${hidden}`,
      `x-weft-port: ${hidden}`,
      'X-Weft-Attempt: 7',
    ),
  )
  t.equal(fields['x-weft-port'], undefined)
  t.equal(fields['x-weft-attempt'], undefined)
})

t.test('C3: nor does a spelling that some applications would take for it', async t => {
  const { outbound } = await startPair(t, echo)
  const fields = seen(
    await send(
      outbound,
      'GET / HTTP/1.1',
      'Host: orders',
      'X_Forwarded_Client_Cert: URI=spiffe://weft.local/ns/default/sa/admin',
      'x-forwarded-client_cert: URI=spiffe://weft.local/ns/default/sa/admin',
      'X_Other: kept',
    ),
  )
  t.equal(fields['x-forwarded-client-cert'], caller)
  t.equal(fields['x_forwarded_client_cert'], undefined)
  t.equal(fields['x-forwarded-client_cert'], undefined)
  t.equal(fields['x_other'], 'kept')
})

t.test('C4: words for sidecars are taken from an application, in any spelling', async t => {
  const { outbound } = await startPair(t, echo)
  const fields = seen(
    await send(
      outbound,
      'GET / HTTP/1.1',
      'Host: orders',
      'X-Weft-Anything: 1',
      'x_weft_port: 1',
      'X-Envoy-Original-Path: /admin',
      'x-envoy-decorator-operation: a',
      'X-Expected: yes',
    ),
  )
  const left = Object.keys(fields).filter(name => /^x.(?:weft|envoy)/.test(name))
  t.same(left, [])
  t.equal(fields['x-expected'], 'yes')
})

t.test('C4: who has no certificate speaks for nobody', async t => {
  const port = await startApplication(t, echo)
  const mesh = await startMesh(t, orders([port], 'permissive'))
  const sidecar = await startSidecar(t, mesh, { name: 'orders', ports: [port, 1] })
  const answer = await eventually(
    () =>
      send(
        sidecar.ports.inbound,
        'GET / HTTP/1.1',
        'Host: orders',
        'X-Weft-Port: 1',
        'X-Weft-Invocation-Type: Event',
        'X-Forwarded-Client-Cert: URI=spiffe://weft.local/ns/default/sa/admin',
        'X-Envoy-Internal: true',
      ).catch(() => ''),
    text => text.startsWith('HTTP/1.1 200'),
  )
  const names = Object.keys(seen(answer)).filter(name => name.startsWith('x-'))
  t.same(names, [])
})

t.test('C4: an answer of the application gives no reason in the name of Weft', async t => {
  const { outbound } = await startPair(t, (_request, response) => {
    response.setHeader('x-weft-reason', 'circuit_open')
    response.end()
  })
  const { headers } = await call(outbound, { headers: { host: 'orders' } })
  t.equal(headers['x-weft-reason'], undefined)
})

t.test('C5: the path that a route sees is the path that the application gets', async t => {
  const { outbound } = await startPair(t, echo)
  const paths = ['/pub/%2e%2e/../admin;x//y', '//a\\b', '/%2F%5c%00', '/A/./b/', '/?a=/../b']
  for (const path of paths)
    t.equal(seen(await send(outbound, `GET ${path} HTTP/1.1`, 'Host: orders'))['path'], path)
})

t.test(
  'C5: with a policy for paths one spelling is left, for it and for the application',
  async t => {
    const port = await startApplication(t, echo)
    const policy = `---
apiVersion: weft.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: shut }
spec: { action: deny, rules: [{ to: [{ paths: [/admin, /admin/*] }] }] }
`
    const mesh = await startMesh(t, orders([port]) + policy)
    await startSidecar(t, mesh, { name: 'orders', ports: [port] })
    const { outbound } = (await startSidecar(t, mesh, { name: 'web' })).ports
    await eventually(
      () => call(outbound, { headers: { host: 'orders' } }),
      ({ status }) => status === 200,
    )
    const get = (path: string) => send(outbound, `GET ${path} HTTP/1.1`, 'Host: orders')
    for (const [path, becomes] of [
      ['/a//b/./c/../%7Ed?x=//', '/a/b/~d?x=//'],
      ['/%c3%bc', '/%C3%BC'],
      ['/../a', '/a'],
      ['/ADMIN', '/ADMIN'],
      ['/admin2', '/admin2'],
    ] as const)
      t.equal(seen(await get(path))['path'], becomes)
    for (const path of [
      '/a\\b',
      '/a%2Fb',
      '/a%5cb',
      '/a%00',
      '/a/..;/admin',
      '/%c0%ae',
      '/%',
      '/%zz',
    ])
      t.match(await get(path), /^HTTP\/1\.1 400 [^]*x-weft-reason: bad_request/i, path)
    for (const path of ['/admin', '/pub/%2e%2e/../admin;x//y', '//admin', '/%61dmin', '/admin%3Bx'])
      t.match(await get(path), /^HTTP\/1\.1 403/, path)
  },
)

t.test('C10: a name is the same in capitals and with the dot of the root', async t => {
  const { outbound } = await startPair(t, echo)
  for (const host of ['ORDERS', 'orders.', 'Orders.Default.SVC.cluster.local.:80', 'orders.:80']) {
    t.match(await send(outbound, 'GET / HTTP/1.1', `Host: ${host}`), /^HTTP\/1\.1 200/, host)
    const target = await send(outbound, `GET http://${host}/ HTTP/1.1`, 'Host: payments')
    t.match(target, /^HTTP\/1\.1 200/, `${host} in the target`)
  }
  for (const host of ['orders..', '.orders', 'order.s', 'orders.:81'])
    t.match(await send(outbound, 'GET / HTTP/1.1', `Host: ${host}`), /^HTTP\/1\.1 4/, host)
})

t.test('C11: what callers write stays within its line of the access log', async t => {
  const { outbound, client } = await startPair(t, echo)
  const path = `/"},{"status":200,"\\${'a'.repeat(1000)}`
  await send(outbound, `GET ${path} HTTP/1.1`, 'Host: orders')
  const line = await eventually(
    () => client.accessLog.find(text => text.includes('aaaa')) ?? '',
    text => text !== '',
  )
  t.notMatch(line.trimEnd(), '\n')
  t.ok(line.length < 1000, 'a long path is cut')
  t.match(JSON.parse(line), { path: /^\/"},{"status":200,"\\a+…$/ })
})
