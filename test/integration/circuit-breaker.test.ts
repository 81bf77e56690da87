import http, { type RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import { call, eventually, type TestProxy } from '../support/mesh.ts'
import { startReplicas } from '../support/replicas.ts'

const name = 'orders.default:80'
const failing: RequestListener = (_, response) => response.writeHead(500).end('failed')
const well: RequestListener = (_, response) => response.end('well')

async function start(t: Test, circuitBreaker: object) {
  const policy = { circuitBreaker, outlierDetection: { enabled: false } }
  const { client, port, replicas } = await startReplicas(t, policy, [{}, {}])
  const answerWith = (handler: RequestListener): void => {
    for (const replica of replicas) replica.answerWith(handler)
  }
  const hits = (): number => replicas.reduce((sum, replica) => sum + replica.hits(), 0)
  return { client, port, answerWith, hits }
}

async function breakerOf(client: TestProxy): Promise<{ state: string; setting: string }> {
  const { body } = await call(client.ports.admin, { path: '/breakers' })
  return JSON.parse(body)[name]
}

function set(client: TestProxy, state: string, cluster = name) {
  const path = `/breakers/${cluster}?state=${state}`
  return call(client.ports.admin, { path, method: 'POST' })
}

t.test(
  'a service that fails is not called for a while, and the answer says why and how long',
  async t => {
    const { client, port, answerWith, hits } = await start(t, { minRequests: 10, openFor: '1h' })
    answerWith(failing)
    for (let i = 0; i < 10; i++) t.equal((await call(port)).status, 500)
    const refused = await eventually(
      () => call(port),
      ({ headers }) => headers['x-weft-reason'] === 'circuit_open',
    )
    const before = hits()
    t.equal(refused.status, 503)
    t.match(
      refused.body,
      /circuit breaker of orders.default:80 is open: 1\d of 1\d requests failed within 10000 ms.* as a probe in 3\d{6} ms/,
    )
    t.equal((await call(port)).status, 503)
    t.equal(hits(), before)
    t.match(await breakerOf(client), {
      state: 'open',
      setting: 'auto',
      reason: /requests failed/,
      probeInMs: Number,
    })
    const clusters = await call(client.ports.admin, { path: '/clusters' })
    t.match(clusters.body, /"circuitBreaker": "open"/)
  },
)

t.test('it is called again when a probe succeeds', async t => {
  const { port, answerWith } = await start(t, { minRequests: 5, openFor: '50ms' })
  answerWith(failing)
  await eventually(
    () => call(port),
    ({ status }) => status === 503,
  )
  answerWith(well)
  await eventually(
    () => call(port),
    ({ status }) => status === 200,
  )
})

t.test('half-open lets the probes through that it was told, and no more', async t => {
  const { client, port, answerWith } = await start(t, {
    minRequests: 5,
    openFor: '100ms',
    halfOpenRequests: 3,
  })
  answerWith(failing)
  await eventually(
    () => call(port),
    ({ status }) => status === 503,
  )
  const held: http.ServerResponse[] = []
  answerWith((_, response) => void held.push(response))
  await eventually(
    () => breakerOf(client),
    ({ state }) => state === 'half-open',
  )
  const calls = Array.from({ length: 8 }, () => call(port))
  const refused = await Promise.all(
    Array.from({ length: 5 }, () =>
      Promise.race(calls.map(async (answer, index) => ({ index, ...(await answer) }))),
    ),
  )
  t.match(refused[0], {
    status: 503,
    headers: { 'x-weft-reason': 'circuit_open' },
    body: /half-open/,
  })
  await eventually(
    () => held.length,
    length => length === 3,
  )
  t.match(await breakerOf(client), { state: 'half-open' })
  answerWith(well)
  for (const response of held) response.end('probed')
  const answers = await Promise.all(calls)
  t.equal(answers.filter(({ status }) => status === 200).length, 3)
  t.equal(answers.filter(({ status }) => status === 503).length, 5)
  await eventually(
    () => breakerOf(client),
    ({ state }) => state === 'closed',
  )
})

t.test('a person opens it, closes it, and lets it decide again', async t => {
  const { client, port, answerWith, hits } = await start(t, { minRequests: 5, openFor: '1h' })
  t.match(await set(client, 'open'), { status: 200 })
  const before = hits()
  t.match(await call(port), {
    status: 503,
    headers: { 'x-weft-reason': 'circuit_open' },
    body: /opened by its operator; POST \/breakers\/orders.default:80\?state=auto/,
  })
  t.equal(hits(), before)
  t.match(await breakerOf(client), { state: 'open', setting: 'open' })

  t.match(await set(client, 'closed'), { status: 200 })
  answerWith(failing)
  for (let i = 0; i < 20; i++) t.equal((await call(port)).status, 500, 'it stays closed')

  t.match(await set(client, 'auto'), { status: 200 })
  await eventually(
    () => call(port),
    ({ status }) => status === 503,
  )
  t.match(await breakerOf(client), { state: 'open', setting: 'auto' })

  t.match(await set(client, 'ajar'), { status: 400, body: /open, closed, auto/ })
  t.match(await set(client, 'open', 'nobody.default:80'), { status: 404, body: /no cluster/ })
  const read = await call(client.ports.admin, { path: `/breakers/${name}?state=auto` })
  t.equal(read.status, 405, 'a link changes nothing')
})

t.test('callers who go away do not open it', async t => {
  const { client, port, answerWith, hits } = await start(t, { minRequests: 5 })
  answerWith(() => {})
  for (let i = 0; i < 20; i++) {
    const before = hits()
    const request = http.get({ host: '127.0.0.1', port, agent: false })
    request.on('error', () => {})
    await eventually(hits, now => now > before)
    request.destroy()
  }
  answerWith(well)
  t.equal((await call(port)).status, 200)
  t.match(await breakerOf(client), { state: 'closed' })
})
