// How applications come to hosts beyond the mesh: by DNS mode, captured, and by names that the sidecar resolves.
import { Resolver } from 'node:dns/promises'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { compileMesh, snapshotFor } from '../../src/control/compilation/snapshot-builder.ts'
import { issueIdentity, openAuthority } from '../support/authority.ts'
import { startDataPlane } from '../support/data-plane.ts'
import { header, startResolver, upstreamAnswer } from '../support/dns.ts'
import { externalAuthority, startHttps, throughProxy } from '../support/external.ts'
import { call, eventually, startApplication, startMesh, startSidecar } from '../support/mesh.ts'
import { freePorts } from '../support/process.ts'
import { startTcpApplication, TcpClient } from '../support/tcp.ts'
import { configurationIn } from '../unit/model/configurations.ts'

const onLinux = process.platform !== 'linux' && 'only Linux has all of 127.0.0.0/8'

function entryYaml(name: string, spec: object): string {
  return `
apiVersion: weft.dev/v1alpha1
kind: ServiceEntry
metadata: { name: ${name} }
spec: ${JSON.stringify(spec)}
---`
}

/** The first question of a query. */
function nameIn(query: Buffer): string {
  return query.toString('latin1', 12)
}

function refusal(query: Buffer): Buffer {
  const end = query.indexOf(0, 12) + 5
  const nxdomain = 0x8183
  return Buffer.concat([
    header(query.readUInt16BE(0), nxdomain, [1, 0, 0, 0]),
    query.subarray(12, end),
  ])
}

/** A caller whose sidecar answers DNS, and asks a resolver that knows of `example`, and of nothing else. */
async function startCaller(t: Test, yaml: string) {
  const beyond = await startResolver(t, query =>
    nameIn(query).includes('example') ? upstreamAnswer(query, '127.0.0.1') : refusal(query),
  )
  const mesh = await startMesh(t, yaml)
  const dns = { host: '127.0.0.1', port: 0, upstreams: [beyond.address] }
  const caller = await startSidecar(t, mesh, { name: 'web', overrides: { dns } })
  await eventually(
    async () => (await call(caller.ports.admin, { path: '/ready' })).body,
    body => body.includes('true'),
  )
  const resolver = new Resolver({ timeout: 2000, tries: 1 })
  resolver.setServers([`127.0.0.1:${caller.ports.dns}`])
  return { caller, beyond, resolver }
}

t.test('in DNS mode a host of an entry leads to the sidecar', { skip: onLinux }, async t => {
  const authority = await externalAuthority(t)
  const target = await startHttps(t, await authority.issue(['api.example.com']))
  const [port = 0] = await freePorts(1)
  const yaml = entryYaml('api', {
    hosts: ['api.example.com'],
    ports: [{ number: port, protocol: 'http', targetPort: target }],
    tls: { caFile: authority.caFile },
  })
  const { resolver, beyond } = await startCaller(t, yaml)
  const [address = ''] = await resolver.resolve4('api.example.com')
  t.match(address, /^127\.\d+\.\d+\.\d+$/)
  t.not(address, '127.0.0.1')
  const answer = await call(port, {
    host: address,
    headers: { host: `api.example.com:${port}` },
  })
  t.match(answer, { status: 200, body: /by api.example.com$/ })
  t.ok(
    beyond.queries.some(query => nameIn(query).includes('example')),
    'the sidecar asks beyond itself',
  )
})

t.test('a host that nobody knows is told so, and one that is known is called', async t => {
  const target = await startApplication(t, (request, response) => {
    response.end(request.headers.host)
  })
  const ports = [{ number: 80, protocol: 'http', targetPort: target }]
  const yaml =
    entryYaml('known', { hosts: ['www.example.org'], ports }) +
    entryYaml('unknown', { hosts: ['nobody.invalid'], ports })
  const { caller } = await startCaller(t, yaml)
  const { outbound } = caller.ports
  t.match(await call(outbound, { headers: { host: 'www.example.org' } }), {
    status: 200,
    body: 'www.example.org',
  })
  const { status, headers, body } = await call(outbound, { headers: { host: 'nobody.invalid' } })
  t.match([status, headers['x-weft-reason']], [503, 'dns_failed'])
  t.match(body, /no address of nobody.invalid:80 is known .*ENOTFOUND/)
})

t.test('names of the hosts file are known without DNS mode', async t => {
  const target = await startApplication(t, (_request, response) => response.end('here'))
  const yaml = entryYaml('local', {
    hosts: ['api.example.com'],
    ports: [{ number: 80, protocol: 'http', targetPort: target }],
    endpoints: [{ address: 'localhost' }],
  })
  const mesh = await startMesh(t, yaml)
  const overrides = process.platform === 'linux' ? { workers: 2 } : {}
  const caller = await startSidecar(t, mesh, { name: 'web', overrides })
  const ask = () => call(caller.ports.outbound, { headers: { host: 'api.example.com' } })
  t.match(await eventually(ask, ({ headers }) => headers['x-weft-reason'] === undefined), {
    status: 200,
    body: 'here',
  })
})

const registryOnly = `
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: mesh }
spec: { outboundTrafficPolicy: registryOnly }
---`

/** A data plane of a registryOnly mesh with these entries, all of whose connections were going to `original`. */
async function startCapturing(t: Test, yaml: string, original: { host: string; port: number }) {
  const identity = await issueIdentity(await openAuthority(t), 'web')
  const { plane } = await startDataPlane(t, identity, [], {
    bootstrap: {},
    originalDestination: () => original,
  })
  const mesh = compileMesh(configurationIn(registryOnly + yaml), [])
  plane.apply(snapshotFor(mesh, { namespace: 'default' }, '*'))
  return plane.ports.outbound
}

t.test('captured connections go by their names, and nowhere else', async t => {
  const authority = await externalAuthority(t)
  const target = await startHttps(t, await authority.issue(['api.example.com']))
  const yaml = entryYaml('api', {
    hosts: ['api.example.com'],
    ports: [
      { number: 80, protocol: 'http', targetPort: target },
      { number: 443, protocol: 'tls', targetPort: target },
    ],
    resolution: 'static',
    endpoints: [{ address: '127.0.0.1' }],
    tls: { caFile: authority.caFile },
  })
  const plain = await startCapturing(t, yaml, { host: '192.0.2.1', port: 80 })
  t.match(await call(plain, { headers: { host: 'api.example.com' } }), {
    status: 200,
    body: /by api.example.com$/,
  })
  t.match(await call(plain, { headers: { host: 'evil.example.com' } }), {
    status: 404,
    headers: { 'x-weft-reason': 'no_route' },
    body: /registryOnly: add a ServiceEntry for it/,
  })
  const secure = await startCapturing(t, yaml, { host: '192.0.2.1', port: 443 })
  const get = async (servername: string): Promise<string> => {
    const options = { host: '127.0.0.1', port: secure, servername, ca: authority.bundle }
    const socket = tls.connect(options)
    socket.write('GET / HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n')
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    return text
  }
  t.match(await get('api.example.com'), /by api.example.com/)
  await t.rejects(get('evil.example.com'), { code: 'ECONNRESET' })
})

t.test('raw bytes go by the address that they were going to', async t => {
  const target = await startTcpApplication(t, socket => void socket.end('220 ready'))
  const yaml = entryYaml('db', {
    hosts: ['db.example.com'],
    ports: [{ number: target, protocol: 'tcp' }],
    resolution: 'static',
    endpoints: [{ address: '127.0.0.1' }],
  })
  const outbound = await startCapturing(t, yaml, { host: '127.0.0.1', port: target })
  const client = await TcpClient.connect(t, outbound)
  await client.until(({ ended }) => ended)
  t.equal(client.received, '220 ready')
  const other = await startCapturing(t, yaml, { host: '127.0.0.2', port: target })
  const refused = await TcpClient.connect(t, other)
  refused.socket.write('hello')
  await refused.until(({ error, ended }) => ended || error !== undefined)
  t.equal(refused.received, '')
})

t.test('a wildcard stands for all hosts below it, each checked by its own name', async t => {
  const authority = await externalAuthority(t)
  const names = ['a.example.com', 'b.c.example.com']
  const target = await startHttps(t, await authority.issue(names))
  const ports = [
    { number: 80, protocol: 'http', targetPort: target },
    { number: 443, protocol: 'tls', targetPort: target },
  ]
  const wildcard = { hosts: ['*.example.com'], ports, tls: { caFile: authority.caFile } }
  const { caller, resolver } = await startCaller(t, registryOnly + entryYaml('all', wildcard))
  const { outbound, admin } = caller.ports
  for (const host of names) {
    t.match(await call(outbound, { headers: { host } }), {
      status: 200,
      body: `GET / ${host} by ${host}`,
    })
    t.match(await throughProxy(t, outbound, { host, authority }), `by ${host}`)
  }
  const other = await call(outbound, { headers: { host: 'other.example.com' } })
  t.equal(other.headers['x-weft-reason'], 'tls_failed')
  t.match(other.body, /other.example.com .*is for other names/)
  for (const host of ['example.com', 'a.example.com.evil.org', 'x%00.example.com'])
    t.equal((await call(outbound, { headers: { host } })).headers['x-weft-reason'], 'no_route')
  const { body } = await call(admin, { path: '/metrics' })
  t.match(body, /weft_requests_total\{[^}]*cluster="\*.example.com:80"[^}]*2xx[^}]*\} 2/)
  t.same(await resolver.resolve4('a.example.com'), ['127.0.0.1'], 'its name is not taken over')
})
