// Policies hold whatever is spoken: gRPC, WebSocket, CONNECT, functions, and on each thread of a sidecar.
import { once } from 'node:events'
import http from 'node:http'
import t from 'tap'
import { startFunctionMesh } from '../support/functions/mesh.ts'
import { ask as askHttp2, connectHttp2 } from '../support/http2.ts'
import { TestIssuer } from '../support/issuer.ts'
import { policyYaml, startPolicedMesh } from '../support/policed-mesh.ts'

t.test('a gRPC call is refused in its own words', async t => {
  const { apply, outbound } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  await apply(
    policyYaml('grpc', '{ action: deny, rules: [{ to: [{ paths: ["/shop.Orders/Delete"] }] }] }') +
      `---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec: { targetRef: { name: orders }, rateLimits: [{ requests: 1, per: 1h, match: { paths: [/shop.Orders/Get] } }] }
`,
  )
  const session = connectHttp2(t, outbound.web)
  const call = (path: string) =>
    askHttp2(
      session,
      {
        ':method': 'POST',
        ':path': path,
        ':authority': 'orders',
        'content-type': 'application/grpc',
      },
      '',
    )
  const { headers } = await call('/shop.Orders/Delete')
  t.match(headers, { ':status': 200, 'grpc-status': '7', 'x-weft-reason': 'denied' })
  await call('/shop.Orders/Get')
  const limited = await call('/shop.Orders/Get')
  t.match(limited.headers, { 'grpc-status': '8', 'x-weft-reason': 'rate_limited' })
  t.ok(limited.headers['retry-after'])
})

t.test('a method in small letters, which HTTP/2 lets pass, is not another one', async t => {
  const { apply, outbound } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  await apply(policyYaml('shut', '{ action: deny, rules: [{ to: [{ methods: [DELETE] }] }] }'))
  const session = connectHttp2(t, outbound.web)
  const status = async (method: string) =>
    (await askHttp2(session, { ':method': method, ':path': '/', ':authority': 'orders' })).headers[
      ':status'
    ]
  t.equal(await status('delete'), 403)
  t.equal(await status('GET'), 200)
})

/** Status of the answer to a CONNECT to `orders`. */
async function connect(port: number): Promise<number | undefined> {
  const request = http.request({ port, method: 'CONNECT', path: 'orders:80', agent: false })
  request.end()
  const [response, socket] = (await once(request, 'connect')) as [
    http.IncomingMessage,
    NodeJS.WritableStream & { destroy(): void },
  ]
  socket.destroy()
  return response.statusCode
}

t.test('no tunnel carries requests past what has to see each of them', async t => {
  const { apply, outbound } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  t.equal(await connect(outbound.web), 200)
  await apply(`---
apiVersion: weft.dev/v1alpha1
kind: RequestAuthentication
metadata: { name: tokens }
spec: { targetRef: { name: orders }, jwtRules: [] }
`)
  t.equal(await connect(outbound.web), 403)
  await apply(`---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec: { targetRef: { name: orders }, rateLimits: [{ requests: 100, match: { methods: [POST] } }] }
`)
  t.equal(await connect(outbound.web), 403)
})

t.test('an upgrade and a CONNECT are calls as any other', async t => {
  const { apply, outbound } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  await apply(policyYaml('web', '{ rules: [{ from: [{ serviceAccounts: [web] }] }] }'))
  const upgrade = async (port: number): Promise<number | undefined> => {
    const request = http.get({
      port,
      path: '/',
      agent: false,
      headers: {
        host: 'orders',
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    response.resume()
    return response.statusCode
  }
  t.equal(await upgrade(outbound.web), 200, 'which the application does not take')
  t.equal(await upgrade(outbound.batch), 403)
  t.equal(await connect(outbound.web), 200)
  t.equal(await connect(outbound.batch), 403)
})

t.test('a function is called by whom its policies let, by HTTP and by its API', async t => {
  const issuer = await new TestIssuer('https://issuer.test').rotate('one')
  const target = 'targetRef: { kind: Function, name: echo }'
  const mesh = await startFunctionMesh(
    t,
    '',
    `
---
apiVersion: weft.dev/v1alpha1
kind: RequestAuthentication
metadata: { name: tokens }
spec: { ${target}, jwtRules: [{ issuer: "${issuer.name}", jwks: ${JSON.stringify(issuer.jwks)} }] }
${policyYaml('open', `{ ${target}, rules: [{ from: [{ serviceAccounts: [caller] }] }] }`)}
${policyYaml('shut', `{ ${target}, action: deny, rules: [{ when: [{ claim: sub, values: [eve] }] }, { when: [{ header: x-who, values: [eve] }] }] }`)}
${policyYaml('elsewhere', '{ targetRef: { kind: Function, name: echo }, action: deny, rules: [{ to: [{ paths: [/no] }] }] }')}`,
  )
  const as = async (sub: string) => ({ authorization: `Bearer ${await issuer.token({ sub })}` })
  const body = JSON.stringify('x'.repeat(200_000))
  const json = { 'content-type': 'application/json' }
  const post = async (sub: string, path = '/') =>
    mesh.call({ method: 'POST', path, body, headers: { ...json, ...(await as(sub)) } })
  const good = await post('ann')
  t.equal(good.status, 200)
  t.ok(good.body.includes('x'.repeat(200_000)), 'what came while it waited for its token is there')
  t.equal((await post('eve')).status, 403)
  t.equal((await post('ann', '/no')).status, 403)
  t.equal((await mesh.invoke({})).status, 200)
  const refused = await mesh.invoke({}, { 'x-who': 'eve' })
  t.match(refused.headers, {
    'x-weft-reason': 'denied',
    'x-amzn-errortype': 'AccessDeniedException',
  })
})

t.test('threads of one sidecar share a limit out', async t => {
  const { apply, ask } = await startPolicedMesh(t, (_request, response) => response.end('ok'), {
    workers: 2,
  })
  await apply(`---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec: { targetRef: { name: orders }, rateLimits: [{ requests: 4, per: 1h }] }
---
${policyYaml('shut', '{ action: deny, rules: [{ to: [{ methods: [PUT] }] }] }')}`)
  t.equal((await ask('web', { method: 'PUT' })).status, 403)
  const statuses = []
  for (let i = 0; i < 12; i++) statuses.push((await ask(i % 2 === 0 ? 'web' : 'batch')).status)
  const passed = statuses.filter(status => status === 200).length
  t.ok(passed === 2 || passed === 4, `${passed} passed, on one or on both threads`)
  t.equal(statuses.filter(status => status === 429).length, 12 - passed)
})
