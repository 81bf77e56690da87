// Requests that are sent to a second endpoint while the first has not answered.
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
import { metric } from '../support/hops.ts'

/** `orders` at two endpoints, of which each has the same handler. */
async function startTwo(
  t: Test,
  handlers: readonly [http.RequestListener, http.RequestListener],
  spec: string,
): Promise<{ readonly client: TestProxy; readonly local: number }> {
  const ports = [await startApplication(t, handlers[0]), await startApplication(t, handlers[1])]
  const mesh = await startMesh(
    t,
    `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ port: 80, targetPort: web }] }
---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec:
  targetRef: { name: orders }
  loadBalancing: round-robin
  ${spec}
---${ports.map((port, index) => workload(`orders-${index}`, port)).join('---')}`,
  )
  for (const [index, port] of ports.entries())
    await startSidecar(t, mesh, {
      name: `orders-${index}`,
      labels: { app: 'orders' },
      ports: [port],
    })
  const client = await startSidecar(t, mesh, { name: 'web', upstreams: ['orders'] })
  await eventually(
    async () => (await call(client.ports.admin, { path: '/clusters' })).body,
    clusters => clusters.includes('"orders-0"') && clusters.includes('"orders-1"'),
  )
  return { client, local: client.ports.upstreams[0] ?? 0 }
}

function workload(name: string, port: number): string {
  return `
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: ${name}, labels: { app: orders } }
spec: { ports: [{ name: web, port: ${port} }] }
`
}

t.test('the first good answer wins, and the slow endpoint is rid of the request', async t => {
  let abandoned = 0
  const silent: http.RequestListener = request => {
    request.on('close', () => abandoned++)
  }
  const { client, local } = await startTwo(
    t,
    [silent, (request, response) => response.end(`${request.method} done`)],
    'hedging: { after: 20ms }',
  )
  for (let i = 0; i < 4; i++) t.equal((await call(local)).body, 'GET done')
  await eventually(
    () => abandoned,
    count => count >= 2,
  )
  t.ok((await metric(client, 'weft_hedges_total', 'orders')) >= 2)
  const { body } = await call(client.ports.admin, { path: '/clusters' })
  t.notMatch(body, /"failures": [1-9]/, 'nobody is blamed')
})

t.test('a body goes to both', async t => {
  const bodies: string[] = []
  const read = (answers: boolean): http.RequestListener => {
    return (request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        bodies.push(body)
        if (answers) response.end('ok')
      })
    }
  }
  const { local } = await startTwo(t, [read(false), read(true)], 'hedging: { after: 20ms }')
  for (let i = 0; i < 2; i++)
    t.equal((await call(local, { method: 'PUT', body: 'all of it' })).body, 'ok')
  await eventually(
    () => bodies.length,
    length => length >= 3,
  )
  t.ok(bodies.every(body => body === 'all of it'))
})

t.test('the wait may be a percentile of how long tries took lately', async t => {
  let stuck = false
  const { client, local } = await startTwo(
    t,
    [
      (_request, response) => {
        if (!stuck) response.end('ok')
      },
      (_request, response) => response.end('ok'),
    ],
    'hedging: { after: { percentile: 99 } }',
  )
  const hedges = () => metric(client, 'weft_hedges_total', 'orders')
  for (let i = 0; i < 250; i++) await call(local)
  stuck = true
  const before = await hedges()
  await eventually(
    async () => {
      t.equal((await call(local)).body, 'ok')
      return hedges()
    },
    count => count > before,
  )
})

t.test('what may be done only once is sent once', async t => {
  const { client, local } = await startTwo(
    t,
    [slow, slow],
    'hedging: { after: 1ms, maxAttempts: 3 }',
  )
  for (let i = 0; i < 3; i++)
    t.equal((await call(local, { method: 'POST', body: 'x' })).status, 200)
  t.equal(await metric(client, 'weft_hedges_total', 'orders'), 0)
  t.equal((await call(local)).status, 200)
  t.ok((await metric(client, 'weft_hedges_total', 'orders')) > 0, 'a GET is another matter')
})

t.test('hedging is bounded by the retry budget', async t => {
  const { client, local } = await startTwo(
    t,
    [slow, slow],
    'hedging: { after: 1ms }\n  retryBudget: { ratio: 0, minPerSecond: 0 }',
  )
  for (let i = 0; i < 3; i++) t.equal((await call(local)).status, 200)
  t.equal(await metric(client, 'weft_hedges_total', 'orders'), 0)
})

/** Many times slower than the policies of these tests wait. */
function slow(_request: http.IncomingMessage, response: http.ServerResponse): void {
  setTimeout(() => response.end(), 50)
}
