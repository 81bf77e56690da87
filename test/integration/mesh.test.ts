import t from 'tap'
import { firstServiceYaml } from '../support/first-service.ts'
import { call, eventually, startApplication, startMesh, startSidecar } from '../support/mesh.ts'

const orders = `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec:
  selector: { app: orders }
  ports: [{ port: 80, targetPort: TARGET }]
`

t.test('a request passes two sidecars with mTLS', async t => {
  const port = await startApplication(t, (request, response) => {
    response.setHeader('x-seen-peer', String(request.headers['x-forwarded-client-cert']))
    response.end(`${request.method} ${request.url} ${request.headers['host']}`)
  })
  const mesh = await startMesh(t, orders.replace('TARGET', String(port)))
  await startSidecar(t, mesh, { name: 'orders', ports: [port] })
  const client = await startSidecar(t, mesh, { name: 'web', upstreams: ['orders'] })
  const [local = 0] = client.ports.upstreams

  const answer = await eventually(
    () => call(local, { path: '/a?b=c' }),
    ({ status }) => status === 200,
  )
  t.equal(answer.body, `GET /a?b=c 127.0.0.1:${local}`)
  t.match(answer.headers['x-seen-peer'], 'spiffe://weft.local/ns/default/sa/web')
  const byHost = await call(client.ports.outbound, { headers: { host: 'orders' } })
  t.equal(byHost.body, 'GET / orders')
  const byProxy = await call(client.ports.outbound, { path: 'http://orders.default/x' })
  t.equal(byProxy.body, 'GET /x orders.default')
})

t.test('the first manifest of the project loads as it is and its workload answers', async t => {
  const port = await startApplication(t, (_request, response) => response.end('hello'))
  const yaml = firstServiceYaml.replace('targetPort: 8080', `targetPort: ${port}`)
  const mesh = await startMesh(t, yaml)
  await startSidecar(t, mesh, { name: 'any', labels: { app: 'my-app' }, ports: [port] })
  const client = await startSidecar(t, mesh, { name: 'web' })
  const ask = () => call(client.ports.outbound, { path: 'http://my-service/' })
  const answer = await eventually(ask, ({ status }) => status === 200)
  t.equal(answer.body, 'hello')
})
