import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { Load } from '../support/load.ts'
import {
  bootstrapOf,
  call,
  eventually,
  runProxy,
  startApplication,
  startMesh,
} from '../support/mesh.ts'
import { freePorts, WeftProcess } from '../support/process.ts'

const host = '127.0.0.1'

t.test(
  'SIGTERM finishes what is in flight, moves the rest away, and exits 0 after the application',
  async t => {
    const held = Promise.withResolvers<void>()
    const slowCame = Promise.withResolvers<void>()
    const application = http.createServer((request, response) => {
      if (request.url !== '/slow') return void response.end('quick')
      slowCame.resolve()
      void held.promise.then(() => response.end('slow'))
    })
    application.listen(0, host)
    await once(application, 'listening')
    t.teardown(() => application.close())
    const { port } = application.address() as AddressInfo
    const other = await startApplication(t, (_request, response) => void response.end('quick'))
    const mesh = await startMesh(
      t,
      `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: orders-a, labels: { app: orders } }
spec: { ports: [{ name: http, port: ${port} }] }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: orders-b, labels: { app: orders } }
spec: { ports: [{ name: http, port: ${other} }] }
`,
    )
    const labels = { app: 'orders' }
    const [admin = 0, outbound = 0] = await freePorts(2)
    const leaving = await bootstrapOf(mesh, {
      name: 'orders-a',
      labels,
      ports: [port],
      overrides: {
        admin: { host, port: admin },
        outbound: { host, port: outbound },
        drainTimeoutMs: 10_000,
      },
    })
    const file = join(mesh.folder, 'leaving.json')
    writeFileSync(file, JSON.stringify(leaving))
    const child = new WeftProcess(['proxy', '--config', file], mesh.folder)
    t.teardown(() => child[Symbol.asyncDispose]())
    const client = await runProxy(
      t,
      await bootstrapOf(mesh, { name: 'web', upstreams: ['orders'] }),
    )
    const [local = 0] = client.ports.upstreams
    await eventually(
      () => call(local).catch(() => undefined),
      answer => answer?.status === 200,
    )

    const slow = call(local, { path: '/slow' })
    await slowCame.promise
    await runProxy(t, await bootstrapOf(mesh, { name: 'orders-b', labels, ports: [other] }))
    const load = new Load({ port: local })
    await load.more(100)
    child.signal('SIGTERM')
    await eventually(
      () => call(admin, { path: '/ready' }).catch(() => undefined),
      answer => answer?.status === 503,
    )
    await load.more(200)
    held.resolve()
    t.equal((await slow).body, 'slow', 'a request in flight is finished')
    const { body } = await call(outbound, { headers: { host: 'orders' } })
    t.equal(body, 'quick', 'the application can still call others')
    application.closeAllConnections()
    application.close()
    t.same(await child.exited, { code: 0, signal: null })
    await load.more(200)
    await load.stop()
    t.same(load.failures, [], 'nobody notices')
  },
)
