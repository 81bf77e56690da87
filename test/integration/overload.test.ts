// Sidecars that turn requests away because they have too much to do themselves.
import t from 'tap'
import { call, eventually, startApplication } from '../support/mesh.ts'
import { metric } from '../support/hops.ts'
import { startOrders } from '../support/orders.ts'

/** By these bounds every process has too little memory. */
const overloaded = `
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: test }
spec: { overload: { heap: { start: 0.00001, full: 0.00002 } } }
`

t.test('only critical requests pass a sidecar that is overloaded', async t => {
  const port = await startApplication(t, (request, response) =>
    response.end(String(request.headers['x-weft-priority'])),
  )
  const { local, client, server } = await startOrders(t, port, {}, overloaded)
  const refused = await eventually(
    () => call(local),
    ({ status }) => status === 503,
  )
  t.equal(refused.headers['x-weft-reason'], 'overloaded')
  t.equal(refused.headers['retry-after'], '1')
  t.match(refused.body, /priority normal/)
  for (const priority of ['low', 'high', 'most of all'])
    t.equal((await call(local, { headers: { 'x-weft-priority': priority } })).status, 503, priority)
  const critical = await eventually(
    () => call(local, { headers: { 'x-weft-priority': 'critical' } }),
    ({ status }) => status === 200,
  )
  t.equal(critical.body, 'critical', 'the next sidecar and the application know of it')
  t.equal(await metric(client, 'weft_overload_pressure'), 1)
  t.ok((await metric(client, 'weft_overload_shed_requests_total')) >= 4)
  t.equal((await call(server.ports.admin, { path: '/live' })).status, 200, 'it lives')
})

t.test('with its defaults a sidecar at rest sheds nothing', async t => {
  const port = await startApplication(t, (_request, response) => response.end('ok'))
  const { local, client } = await startOrders(t, port)
  for (let i = 0; i < 20; i++) t.equal((await call(local)).status, 200)
  t.equal(await metric(client, 'weft_overload_shed_requests_total'), 0)
})
