import { writeFileSync } from 'node:fs'
import { Resolver } from 'node:dns/promises'
import http from 'node:http'
import net from 'node:net'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { monotonicNow } from '../../src/base/clock.ts'
import type { TestProxy } from '../support/mesh.ts'
import {
  call,
  eventually,
  startApplication,
  startMesh,
  startSidecar,
  type Answer,
} from '../support/mesh.ts'
import { startResolver, upstreamAnswer } from '../support/dns.ts'
import { freePorts } from '../support/process.ts'

const onLinux = process.platform !== 'linux' && 'only Linux has all of 127.0.0.0/8'

const service = (name: string, port: number, targetPort: number): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec:
  selector: { app: orders }
  ports: [{ port: ${port}, targetPort: ${targetPort} }]
`

/** A caller whose sidecar answers DNS, and a stub resolver that asks it. */
async function startCaller(t: Test, mesh: Parameters<typeof startSidecar>[1]) {
  const beyond = await startResolver(t, query => upstreamAnswer(query, '192.0.2.1'))
  const dns = { host: '127.0.0.1', port: 0, upstreams: [beyond.address] }
  const client = await startSidecar(t, mesh, { name: 'web', overrides: { dns } })
  await eventually(
    () => page(client, '/ready'),
    answer => answer.includes('true'),
  )
  const resolver = new Resolver({ timeout: 2000, tries: 1 })
  resolver.setServers([`127.0.0.1:${client.ports.dns}`])
  return { client, resolver, beyond }
}

/** Undefined while it is not found. */
async function find(resolver: Resolver, name: string): Promise<string | undefined> {
  const found = await resolver.resolve4(name).catch(() => [])
  return found[0]
}

/** GET of a URL whose host is looked up there, and nowhere else. */
async function get(url: string, resolver: Resolver): Promise<Answer> {
  const lookup: http.RequestOptions['lookup'] = (name, _, callback) => {
    const take = (found: readonly string[]): void =>
      callback(
        null,
        found.map(address => ({ address, family: 4 })),
      )
    resolver.resolve4(name).then(take, (error: Error) => request.destroy(error))
  }
  const request = http.get(url, { lookup, agent: false })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const { statusCode: status = 0, headers } = response
  return { status, headers, body: Buffer.concat(chunks).toString() }
}

async function page(proxy: TestProxy, path: string): Promise<string> {
  return (await call(proxy.ports.admin, { path })).body
}

t.test('an application calls a service by its name', { skip: onLinux }, async t => {
  const held = Promise.withResolvers<() => void>()
  const target = await startApplication(t, (request, response) => {
    if (request.url === '/slow') return held.resolve(() => response.end())
    const peer = String(request.headers['x-forwarded-client-cert'])
    response.end(`${request.headers.host} ${peer}`)
  })
  const [port = 0, other = 0] = await freePorts(2)
  const mesh = await startMesh(t, service('orders', port, target))
  await startSidecar(t, mesh, { name: 'orders', ports: [target] })
  const { client, resolver, beyond } = await startCaller(t, mesh)

  t.test('in each form, with mTLS to the other side', async t => {
    const asked = () => get(`http://orders:${port}/`, resolver)
    await eventually(asked, ({ status }) => status === 200)
    for (const form of [
      'orders',
      'Orders.default',
      'orders.default.svc',
      'orders.default.svc.cluster.local',
    ]) {
      const { status, body } = await get(`http://${form}:${port}/`, resolver)
      t.equal(status, 200)
      t.match(body, `${form.toLowerCase()}:${port} `)
      t.match(body, 'spiffe://weft.local/ns/default/sa/web')
    }
    const address = await find(resolver, 'orders')
    t.match(address, /^127\.\d+\.\d+\.\d+$/)
    t.equal((await call(port, { host: address ?? '', headers: { host: 'anything' } })).status, 200)
  })

  t.test('a name of the mesh has no IPv6 address, and exists', async t => {
    await t.rejects(resolver.resolve6('orders'), { code: 'ENODATA' })
    t.equal(beyond.queries.length, 0)
  })

  t.test('names beyond the mesh are those of the resolver beyond', async t => {
    t.equal(await find(resolver, 'example.com'), '192.0.2.1')
    t.equal(beyond.queries.length, 1)
  })

  t.test('people and Prometheus see names, addresses and queries', async t => {
    const address = await find(resolver, 'orders')
    const names = [
      'orders',
      'orders.default',
      'orders.default.svc',
      'orders.default.svc.cluster.local',
    ]
    const ports = [{ port, code: 'bound' }]
    t.match(JSON.parse(await page(client, '/dns')), {
      address: { host: '127.0.0.1', port: client.ports.dns },
      resolvers: [beyond.address],
      services: [{ service: 'orders.default', names, address, ports }],
      queries: { forwarded: 1, failed: 0 },
    })
    const metrics = await page(client, '/metrics')
    t.match(metrics, /^weft_dns_queries_total\{outcome="mesh"\} [1-9]/m)
    t.match(metrics, /^weft_dns_queries_total\{outcome="forwarded"\} [1-9]/m)
    t.match(metrics, 'weft_dns_listeners{state="bound"} 1')
    t.match(metrics, 'weft_dns_listeners{state="failed"} 0')
    t.match(metrics, 'weft_dns_bind_failures_total 0')
  })

  t.test('a change of configuration moves names and ports', async t => {
    const before = await find(resolver, 'orders')
    const stock = service('stock', port, target)
    writeFileSync(mesh.configPath, [service('orders', other, target), stock].join('---'))
    await eventually(
      () => find(resolver, 'stock'),
      found => found !== '192.0.2.1',
    )
    t.equal((await get(`http://stock:${port}/`, resolver)).status, 200)
    t.equal(await find(resolver, 'orders'), before)
    t.equal((await get(`http://orders:${other}/`, resolver)).status, 200)
    await t.rejects(get(`http://orders:${port}/`, resolver), { code: 'ECONNREFUSED' })
    writeFileSync(mesh.configPath, stock)
    await eventually(
      () => find(resolver, 'orders'),
      found => found === '192.0.2.1',
    )
  })

  t.test('drain lets what is in flight finish, and ends DNS last', async t => {
    const found = (await find(resolver, 'stock')) ?? ''
    const slow = get(`http://stock:${port}/slow`, resolver)
    const release = await held.promise
    t.match(await page(client, '/metrics'), 'weft_connections_active{direction="outbound"} 1')
    await call(client.ports.admin, { method: 'POST', path: '/drain/inbound' })
    const drained = client.drain()
    // Longer than the quiet that says the application has gone: what it has begun may need other calls.
    const statuses = new Set<number>()
    for (const end = monotonicNow() + 800; monotonicNow() < end;)
      statuses.add((await call(port, { host: found })).status)
    t.same([...statuses], [200])
    release()
    t.equal((await slow).status, 200)
    await drained
    await t.rejects(call(port, { host: found }), { code: 'ECONNREFUSED' })
    await t.rejects(resolver.resolve4('stock'))
  })
})

t.test(
  'a protocol that is not HTTP reaches its service by name too',
  { skip: onLinux },
  async t => {
    const server = net.createServer(socket => {
      socket.on('error', () => {})
      socket.write('hello ')
      socket.pipe(socket)
    })
    t.teardown(() => server.close())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port: target } = server.address() as net.AddressInfo
    const [port = 0] = await freePorts(1)
    const mesh = await startMesh(t, service('orders', port, target))
    await startSidecar(t, mesh, { name: 'orders', ports: [target] })
    const { resolver } = await startCaller(t, mesh)
    const talk = async (): Promise<string> => {
      const socket = net.connect(port, (await find(resolver, 'orders')) ?? '')
      t.teardown(() => socket.destroy())
      socket.end('\0binary')
      const chunks: Buffer[] = []
      for await (const chunk of socket) chunks.push(chunk as Buffer)
      return Buffer.concat(chunks).toString()
    }
    const heard = await eventually(
      () => talk().catch(() => ''),
      text => text !== '',
    )
    t.equal(heard, 'hello \0binary')
  },
)

t.test('without DNS mode the page says how to switch it on', async t => {
  const mesh = await startMesh(t, service('orders', 80, 8080))
  const client = await startSidecar(t, mesh, { name: 'web' })
  const isReady = () => page(client, '/ready')
  await eventually(isReady, answer => answer.includes('true'))
  t.equal(client.ports.dns, undefined)
  t.match(JSON.parse(await page(client, '/dns')), { enabled: false, switchOn: /sidecar.dns/ })
  t.notMatch(await page(client, '/metrics'), /weft_dns/)
})

t.test('a start that fails leaves the DNS port free', { skip: onLinux }, async t => {
  const mesh = await startMesh(t, service('orders', 80, 8080))
  const taken = await startResolver(t, () => undefined)
  const [port = 0] = await freePorts(1)
  const dns = { host: '127.0.0.1', port, upstreams: [] }
  const overrides = { dns, outbound: taken.address }
  await t.rejects(startSidecar(t, mesh, { name: 'web', overrides }), /sidecar.outboundPort/)
  const again = net.createServer().listen(port, '127.0.0.1')
  t.teardown(() => again.close())
  await once(again, 'listening')
})

t.test('DNS mode and several threads exclude each other, with a word of what to do', async t => {
  const mesh = await startMesh(t, service('orders', 80, 8080))
  const dns = { host: '127.0.0.1', port: 0, upstreams: [] }
  const start = startSidecar(t, mesh, { name: 'web', overrides: { dns, workers: 2 } })
  await t.rejects(start, /leave out `dns` or `workers`/)
})

t.test('a taken DNS port ends the start, and nothing of it stays', async t => {
  const mesh = await startMesh(t, service('orders', 80, 8080))
  const taken = await startResolver(t, () => undefined)
  const [admin = 0] = await freePorts(1)
  const overrides = { dns: taken.address, admin: { host: '127.0.0.1', port: admin } }
  await t.rejects(startSidecar(t, mesh, { name: 'web', overrides }), /sidecar.dns.port/)
  await t.rejects(call(admin), { code: 'ECONNREFUSED' })
})
