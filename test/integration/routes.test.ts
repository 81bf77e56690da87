// Filters, sessions and limits of routes through two sidecars; Gateway API's own tables are in test/conformance.
import type http from 'node:http'
import t, { type Test } from 'tap'
import {
  call,
  eventually,
  startApplication,
  startMesh,
  startSidecar,
  type TestProxy,
} from '../support/mesh.ts'

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly body?: string
  readonly headers?: http.OutgoingHttpHeaders
}

interface Shop {
  readonly client: TestProxy
  /** Calls `orders` through the client's sidecar. */
  readonly ask: (options?: Asked) => ReturnType<typeof call>
  readonly adminPort: number
  /** Those before the applications. */
  readonly servers: ReadonlyMap<string, TestProxy>
}

/**
 * `orders`, behind which stand these applications, each with a sidecar and a Service of its own name; `rules` are those of
 * its HTTPRoute.
 */
async function startShop(
  t: Test,
  applications: Readonly<Record<string, http.RequestListener>>,
  rules: readonly object[],
): Promise<Shop> {
  const ports = new Map<string, number>()
  for (const [name, handler] of Object.entries(applications))
    ports.set(name, await startApplication(t, handler))
  const service = (name: string, selector: object) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector, ports: [{ port: 80, targetPort: 'http' }] },
  })
  const documents = [
    service('orders', { shop: 'yes' }),
    ...[...ports.keys()].map(name => service(name, { app: name })),
    ...[...ports].map(([name, port]) => ({
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'Workload',
      metadata: { name },
      spec: { ports: [{ name: 'http', port }] },
    })),
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'orders' },
      spec: { parentRefs: [{ kind: 'Service', name: 'orders' }], rules },
    },
  ]
  const yaml = documents.map(document => JSON.stringify(document)).join('\n---\n')
  const mesh = await startMesh(t, yaml)
  const servers = new Map<string, TestProxy>()
  for (const [name, port] of ports) {
    const labels = { app: name, shop: 'yes' }
    servers.set(name, await startSidecar(t, mesh, { name, labels, ports: [port] }))
  }
  const client = await startSidecar(t, mesh, { name: 'web' })
  await eventually(
    async () => (await call(client.ports.admin, { path: '/clusters' })).body,
    // Each behind `orders`, and behind its own Service.
    clusters =>
      [...ports.keys()].every(name => clusters.split(`"workload": "${name}"`).length >= 3),
  )
  const ask: Shop['ask'] = ({ headers, ...options } = {}) =>
    call(client.ports.outbound, { headers: { host: 'orders', ...headers }, ...options })
  return { client, ask, adminPort: mesh.control.adminPort, servers }
}

const sayName =
  (name: string): http.RequestListener =>
  (request, response) => {
    request.resume()
    request.on('end', () => response.end(name))
  }

t.test('a client comes back to the endpoint that served it first', async t => {
  const { ask, client } = await startShop(
    t,
    { a: sayName('a'), b: sayName('b'), c: sayName('c') },
    [
      {
        sessionPersistence: { sessionName: 'basket' },
        backendRefs: [{ name: 'orders', port: 80 }],
      },
    ],
  )
  const first = await ask()
  const cookie = first.headers['set-cookie']?.[0] ?? ''
  t.match(cookie, /^basket=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
  const headers = { cookie: cookie.split(';', 1)[0] }
  for (let i = 0; i < 20; i++) {
    const again = await ask({ headers })
    t.equal(again.body, first.body)
    t.notOk('set-cookie' in again.headers)
  }
  const { body: shown } = await call(client.ports.admin, { path: '/config' })
  t.match(shown, /"name": "basket"[^}]*"key": "not shown"/)
  // Without it they are spread.
  const others = new Set<string>()
  await eventually(
    async () => others.add((await ask()).body).size,
    size => size > 1,
  )
})

t.test('when its endpoint is gone a client is given another, and a new cookie', async t => {
  const { ask, servers } = await startShop(t, { a: sayName('a'), b: sayName('b') }, [
    {
      sessionPersistence: { sessionName: 'basket' },
      backendRefs: [{ name: 'orders', port: 80 }],
    },
  ])
  const first = await ask()
  const cookie = first.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? ''
  await servers.get(first.body)?.close()
  const moved = await eventually(
    () => ask({ headers: { cookie } }),
    ({ status }) => status === 200,
  )
  t.not(moved.body, first.body)
  const renewed = moved.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? ''
  t.match(renewed, /^basket=/)
  t.not(renewed, cookie)
  const again = await ask({ headers: { cookie: renewed } })
  t.equal(again.body, moved.body)
  t.notOk('set-cookie' in again.headers)
})

t.test('a session stays with its backend whatever the weights', async t => {
  const { ask } = await startShop(t, { a: sayName('a'), b: sayName('b') }, [
    {
      matches: [{ path: { value: '/new' } }],
      sessionPersistence: { sessionName: 'basket', type: 'Header' },
      backendRefs: [
        { name: 'a', port: 80, weight: 1 },
        { name: 'b', port: 80, weight: 1 },
      ],
    },
  ])
  const first = await ask({ path: '/new' })
  const basket = String(first.headers['basket'])
  for (let i = 0; i < 20; i++) {
    const again = await ask({ path: '/new', headers: { basket } })
    t.equal(again.body, first.body)
  }
})

t.test('a mirror that never answers does not keep the caller waiting', async t => {
  const copies: string[] = []
  const silent: http.RequestListener = request => {
    request.setEncoding('utf8')
    let body = ''
    request.on('data', (text: string) => (body += text))
    request.on('end', () => copies.push(`${request.method} ${request.url} ${body}`))
  }
  const { ask, client } = await startShop(t, { a: sayName('a'), shadow: silent }, [
    {
      filters: [
        { type: 'RequestMirror', requestMirror: { backendRef: { name: 'shadow', port: 80 } } },
        { type: 'RequestMirror', requestMirror: { backendRef: { name: 'a', port: 80 } } },
      ],
      backendRefs: [{ name: 'a', port: 80 }],
    },
  ])
  const answer = await ask({ method: 'POST', path: '/buy', body: 'one teapot' })
  t.match(answer, { status: 200, body: 'a' })
  await eventually(
    () => copies,
    list => list.length > 0,
  )
  t.same(copies, ['POST /buy one teapot'])
  const metrics = await eventually(
    async () => (await call(client.ports.admin, { path: '/metrics' })).body,
    text => /weft_mirrored_requests_total\{.*outcome="answered".*\} 1/.test(text),
  )
  t.match(metrics, /weft_mirrored_requests_total\{.*cluster="a\.default:80".*\} 1/)
})

t.test('a copy of a body that its mirror does not read is given up', async t => {
  const size = 16 * 1024 * 1024
  const deaf: http.RequestListener = request => request.pause()
  const { ask, client } = await startShop(
    t,
    {
      a: (request, response) => {
        let bytes = 0
        request.on('data', (chunk: Buffer) => (bytes += chunk.length))
        request.on('end', () => response.end(String(bytes)))
      },
      shadow: deaf,
    },
    [
      {
        filters: [
          { type: 'RequestMirror', requestMirror: { backendRef: { name: 'shadow', port: 80 } } },
        ],
        backendRefs: [{ name: 'a', port: 80 }],
      },
    ],
  )
  const answer = await ask({ method: 'POST', body: 'x'.repeat(size) })
  t.match(answer, { status: 200, body: String(size) })
  const { body: metrics } = await call(client.ports.admin, { path: '/metrics' })
  t.match(metrics, /weft_mirrored_requests_total\{.*outcome="overflow".*\} 1/)
})

t.test('any status that a route lists is tried again, of 4xx too', async t => {
  let calls = 0
  const flaky: http.RequestListener = (_request, response) => {
    response.statusCode = ++calls % 2 === 1 ? 429 : 200
    response.end()
  }
  const { ask } = await startShop(t, { a: flaky }, [
    {
      retry: { codes: [429], attempts: 1, backoff: '1ms' },
      backendRefs: [{ name: 'a', port: 80 }],
    },
  ])
  t.equal((await ask()).status, 200)
  t.equal(calls, 2)
  t.equal((await ask({ method: 'POST' })).status, 429, 'but no method that is not idempotent')
})

t.test('backendRequest limits a try to the last byte of its answer', async t => {
  const stuck: http.RequestListener = (request, response) => {
    if (request.url === '/silent') return
    response.write('the beginning')
  }
  const { ask } = await startShop(t, { a: stuck }, [
    {
      matches: [{ path: { value: '/silent' } }],
      timeouts: { backendRequest: '50ms' },
      backendRefs: [{ name: 'a', port: 80 }],
    },
    {
      // Time enough for the head, on any machine.
      timeouts: { backendRequest: '1500ms' },
      backendRefs: [{ name: 'a', port: 80 }],
    },
  ])
  await t.rejects(ask({ path: '/stuck' }), 'the answer is broken off')
  const silent = await ask({ path: '/silent' })
  t.match(silent, { status: 504, headers: { 'x-weft-reason': 'upstream_timeout' } })
})

t.test('a header match of Host looks at the name that was called', async t => {
  const { ask } = await startShop(t, { a: sayName('a'), b: sayName('b') }, [
    {
      matches: [{ headers: [{ name: 'Host', value: 'orders.default' }] }],
      backendRefs: [{ name: 'b', port: 80 }],
    },
    { backendRefs: [{ name: 'a', port: 80 }] },
  ])
  t.equal((await ask()).body, 'a')
  t.equal((await ask({ headers: { host: 'orders.default' } })).body, 'b')
})

t.test('filters of a backend are for requests that go there', async t => {
  const echo: http.RequestListener = (request, response) =>
    response.end(`${request.headers.host} ${request.url} ${String(request.headers['x-lane'])}`)
  const modifiers = (value: string) => [
    {
      type: 'RequestHeaderModifier',
      requestHeaderModifier: { set: [{ name: 'x-lane', value }] },
    },
    {
      type: 'ResponseHeaderModifier',
      responseHeaderModifier: { set: [{ name: 'x-from', value }] },
    },
    { type: 'URLRewrite', urlRewrite: { hostname: `${value}.example` } },
  ]
  const { ask, client } = await startShop(t, { a: echo, b: echo }, [
    {
      backendRefs: [
        { name: 'a', port: 80, weight: 1, filters: modifiers('a') },
        { name: 'b', port: 80, weight: 0, filters: modifiers('b') },
      ],
    },
  ])
  t.match(await ask({ path: '/x' }), { body: 'a.example /x a', headers: { 'x-from': 'a' } })
  const logged = client.accessLog.map(line => JSON.parse(line) as object)
  t.match(logged.at(-1), { authority: 'orders', path: '/x', route: 'default/orders/0' })
})

t.test('an answer that Weft makes itself passes the filters of its route too', async t => {
  const { ask } = await startShop(t, { a: sayName('a') }, [
    {
      filters: [
        { type: 'CORS', cors: { allowOrigins: ['https://shop.example'] } },
        {
          type: 'ResponseHeaderModifier',
          responseHeaderModifier: { add: [{ name: 'x-route', value: 'one' }] },
        },
      ],
    },
  ])
  const headers = { origin: 'https://shop.example' }
  t.match(await ask({ headers }), {
    status: 500,
    headers: {
      'x-weft-reason': 'no_backend',
      'x-route': 'one',
      'access-control-allow-origin': 'https://shop.example',
    },
  })
})

t.test('the control plane lists routes in their order, and what it thinks of them', async t => {
  const { adminPort } = await startShop(t, { a: sayName('a') }, [
    { backendRefs: [{ name: 'a', port: 80 }] },
    { matches: [{ method: 'GET', path: { value: '/v2' } }], backendRefs: [{ name: 'a' }] },
  ])
  const page = await call(adminPort, { path: '/routes' })
  const { services, objects } = JSON.parse(page.body) as {
    services: { service: string; routes: object[] }[]
    objects: object[]
  }
  t.match(services.find(({ service }) => service === 'orders.default:80')?.routes, [
    { route: 'default/orders/1', match: 'GET prefix /v2' },
    { route: 'default/orders/0', match: 'all', backends: [{ cluster: 'a.default:80', weight: 1 }] },
  ])
  t.match(objects, [
    {
      kind: 'HTTPRoute',
      name: 'orders',
      parents: [
        {
          parent: 'orders.default',
          conditions: [
            { type: 'Accepted', status: 'True' },
            { type: 'ResolvedRefs', status: 'True' },
          ],
        },
      ],
    },
  ])
})
