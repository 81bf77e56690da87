// An application that goes without its sidecar: nobody should notice, nor be sent there any more.
import { once } from 'node:events'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { connectHttp2, ask } from '../support/http2.ts'
import { call, eventually, startMesh, startSidecar } from '../support/mesh.ts'

const host = '127.0.0.1'

/** Speaks HTTP/2; `close` says so by GOAWAY and takes no connections any more. */
async function startApplication(t: Test, name: string, port = 0) {
  const sessions = new Set<http2.ServerHttp2Session>()
  const server = http2.createServer()
  server.on('session', session => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  server.on('stream', stream => {
    stream.respond({ ':status': 200, 'x-name': name })
    stream.end()
  })
  server.listen(port, host)
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const session of sessions) session.close()
    await closed
  }
  t.teardown(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, close }
}

for (const workers of [1, 2])
  t.test(`after its GOAWAY calls go elsewhere until it is back, on ${workers} threads`, async t => {
    const first = await startApplication(t, 'first')
    const second = await startApplication(t, 'second')
    const mesh = await startMesh(
      t,
      `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ name: grpc, port: 80, targetPort: main }] }
---
# By latency the slower of the two could go without a call for longer than the test waits.
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec: { targetRef: { kind: Service, name: orders }, loadBalancing: round-robin }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: first, labels: { app: orders } }
spec: { ports: [{ name: main, port: ${first.port} }] }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: second, labels: { app: orders } }
spec: { ports: [{ name: main, port: ${second.port} }] }
`,
    )
    const labels = { app: 'orders' }
    const overrides = { workers }
    await startSidecar(t, mesh, { name: 'first', labels, ports: [first.port], overrides })
    await startSidecar(t, mesh, { name: 'second', labels, ports: [second.port] })
    const client = await startSidecar(t, mesh, { name: 'web', upstreams: ['orders'] })
    const endpoints = async (): Promise<string[]> => {
      const { body } = await call(client.ports.admin, { path: '/clusters' })
      return [...body.matchAll(/"workload": "(first|second)"/g)].map(([, name = '']) => name)
    }
    await eventually(endpoints, names => names.length === 2)
    const session = connectHttp2(t, client.ports.upstreams[0] ?? 0)
    const get = async () => (await ask(session, { ':path': '/' })).headers
    await eventually(get, headers => headers['x-name'] === 'first')

    await first.close()
    const statuses = new Set<number | undefined>()
    await eventually(
      async () => {
        statuses.add((await get())[':status'])
        return endpoints()
      },
      names => names.join() === 'second',
    )
    t.strictSame([...statuses], [200], 'nobody notices')

    await startApplication(t, 'first again', first.port)
    await eventually(get, headers => headers['x-name'] === 'first again')
  })
