// Rate limits of a TrafficPolicy, kept by the sidecars of its Service.
import t from 'tap'
import { call } from '../support/mesh.ts'
import { startPolicedMesh } from '../support/policed-mesh.ts'

const limits = (text: string): string => `---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec: { targetRef: { name: orders }, rateLimits: [${text}] }
`

const statuses = (answers: readonly { readonly status: number }[]): number[] =>
  answers.map(({ status }) => status)

t.test('what is over the limit is turned away, and told when to come again', async t => {
  const { apply, ask, orders } = await startPolicedMesh(t, (_request, response) =>
    response.end('ok'),
  )
  await apply(limits('{ requests: 2, per: 1h }'))
  t.equal((await ask('web')).status, 200)
  t.equal((await ask('batch')).status, 200)
  const refused = await ask('web')
  t.equal(refused.status, 429)
  t.match(refused.headers, {
    'x-weft-reason': 'rate_limited',
    'ratelimit-policy': '"limit-0";q=2;w=3600',
  })
  const seconds = Number(refused.headers['retry-after'])
  t.ok(seconds > 1700 && seconds <= 1800, 'one request each half hour')
  t.equal(refused.headers['ratelimit'], `"limit-0";r=0;t=${seconds}`)
  const { body } = await call(orders.ports.admin, { path: '/metrics' })
  t.match(body, 'weft_rate_limited_requests_total{limit="default/orders/0"} 1')
})

t.test('each caller has a limit of his own, some a higher one', async t => {
  const { apply, ask } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  await apply(
    limits(
      '{ requests: 1, per: 1h, key: caller, overrides: [{ caller: "*/sa/batch", requests: 3 }] }',
    ),
  )
  const answers = []
  for (const caller of ['web', 'web', 'batch', 'batch', 'batch', 'batch', 'web'] as const)
    answers.push(await ask(caller))
  t.same(statuses(answers), [200, 429, 200, 200, 200, 429, 429])
})

t.test('each value of a header has a limit of its own', async t => {
  const { apply, ask } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  await apply(limits('{ requests: 1, per: 1h, key: { header: X-Tenant } }'))
  const answers = []
  for (const headers of [{ 'x-tenant': 'a' }, { 'X-TENANT': 'a' }, { 'x-tenant': 'b' }, {}, {}])
    answers.push(await ask('web', { headers }))
  t.same(statuses(answers), [200, 429, 200, 200, 429])
})

t.test('a limit is for the requests that it names, in any spelling', async t => {
  const { apply, ask } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  await apply(
    limits(
      '{ requests: 1, per: 1h, match: { methods: [GET], paths: [/search*], headers: [{ name: x-tier, values: [free] }] } }',
    ),
  )
  const headers = { 'x-tier': 'free' }
  const free = (path: string, method = 'GET') => ask('web', { path, method, headers })
  t.equal((await free('/search?q=a')).status, 200)
  t.equal((await free('/other')).status, 200)
  t.equal((await free('/search', 'POST')).status, 200)
  t.equal((await ask('web', { path: '/search' })).status, 200)
  t.equal((await free('//%73earch/x')).status, 429)
})

t.test('a burst is let through at once', async t => {
  const { apply, ask } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  await apply(limits('{ requests: 1, per: 1h, burst: 4 }'))
  const answers = []
  for (let i = 0; i < 5; i++) answers.push(await ask('web'))
  t.same(statuses(answers), [200, 200, 200, 200, 429])
})

t.test('who is turned away by one limit uses up no other', async t => {
  const { apply, ask } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  await apply(limits('{ requests: 2, per: 1h, key: none }, { requests: 1, per: 1h, key: caller }'))
  const answers = []
  for (const caller of ['web', 'web', 'web', 'batch'] as const) answers.push(await ask(caller))
  t.same(statuses(answers), [200, 429, 429, 200])
})

t.test('a change elsewhere gives nobody a new quota', async t => {
  const { apply, ask } = await startPolicedMesh(t, (_request, response) => response.end('ok'))
  const limit = limits('{ requests: 1, per: 1h }')
  await apply(limit)
  t.equal((await ask('web')).status, 200)
  await apply(`${limit}---
apiVersion: v1
kind: Service
metadata: { name: payments }
spec: { selector: { app: payments }, ports: [{ port: 80 }] }
`)
  t.equal((await ask('web')).status, 429)
})
