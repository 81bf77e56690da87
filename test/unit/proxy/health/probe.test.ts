import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ApplicationProbe } from '../../../../src/model/bootstrap.ts'
import { probeApplication } from '../../../../src/proxy/health/probe.ts'
import { startApplication } from '../../../support/mesh.ts'

const host = '127.0.0.1'

function probe(options: Partial<ApplicationProbe> & Pick<ApplicationProbe, 'port'>) {
  const { signal = new AbortController().signal, ...rest } = options as { signal?: AbortSignal }
  return probeApplication({ kind: 'http', timeoutMs: 5000, ...rest } as ApplicationProbe, {
    host,
    signal,
  })
}

async function listen(t: Test, server: net.Server): Promise<number> {
  server.listen(0, host)
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

async function unusedPort(): Promise<number> {
  const server = net.createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

t.test('HTTP is healthy by an answer of 200 to 399', async t => {
  const port = await startApplication(
    t,
    ({ url = '/' }, response) => void response.writeHead(Number(url.slice(1))).end('body'),
  )
  for (const status of [200, 204, 304, 399])
    t.strictSame(await probe({ port, path: `/${status}` }), {
      healthy: true,
      reason: `it answered ${status}`,
    })
  for (const status of [400, 404, 500, 503])
    t.strictSame(await probe({ port, path: `/${status}` }), {
      healthy: false,
      reason: `it answered ${status}`,
    })
})

t.test('HTTP carries the headers of the probe, and says who asks', async t => {
  const seen: http.IncomingMessage[] = []
  const port = await startApplication(t, (request, response) => {
    seen.push(request)
    response.end()
  })
  await probe({ port, path: 'deep?x=1' })
  await probe({
    port,
    headers: [
      { name: 'Host', value: 'shop.example' },
      { name: 'User-Agent', value: 'mine' },
      { name: 'X-Key', value: 'a' },
      { name: 'X-Key', value: 'b' },
      { name: 'Connection', value: 'upgrade' },
    ],
  })
  t.match(seen[0], {
    method: 'GET',
    url: '/deep?x=1',
    headers: { host: `${host}:${port}`, 'user-agent': 'kube-probe/weft', accept: '*/*' },
  })
  t.match(seen[1], {
    url: '/',
    headers: { host: 'shop.example', 'user-agent': 'mine', 'x-key': 'a, b', connection: undefined },
  })
})

t.test('a redirect to the same host is followed, and one to another is good', async t => {
  const port = await startApplication(t, ({ url }, response) => {
    const location = {
      '/local': '/down',
      '/absolute': `http://${host}:${port}/down`,
      '/elsewhere': 'http://shop.example/login',
      '/nowhere': undefined,
      '/loop': '/loop',
    }[url ?? '']
    if (url === '/down') return void response.writeHead(503).end()
    response.writeHead(302, location === undefined ? {} : { location }).end()
  })
  t.match(await probe({ port, path: '/local' }), { healthy: false, reason: /503/ })
  t.match(await probe({ port, path: '/absolute' }), { healthy: false, reason: /503/ })
  t.match(await probe({ port, path: '/elsewhere' }), { healthy: true, reason: /302/ })
  t.match(await probe({ port, path: '/nowhere' }), { healthy: true, reason: /302/ })
  t.match(await probe({ port, path: '/loop' }), { healthy: false, reason: /more than 10/ })
})

t.test('a body is read to ten KiB, and must not break off before', async t => {
  const port = await startApplication(t, ({ url }, response) => {
    response.writeHead(200, { 'content-length': 1 << 30 })
    response.write('x'.repeat(url === '/long' ? 20_000 : 5000), () => {
      if (url !== '/long') response.destroy()
    })
  })
  t.match(await probe({ port, path: '/long' }), { healthy: true })
  t.match(await probe({ port, path: '/short' }), { healthy: false, reason: /closed/ })
})

t.test('who does not answer in time is not healthy', async t => {
  const sockets: net.Socket[] = []
  const port = await listen(
    t,
    net.createServer(socket => void sockets.push(socket.resume())),
  )
  for (const kind of ['http', 'https', 'grpc'] as const)
    t.match(await probe({ kind, port, timeoutMs: 20 }), { healthy: false, reason: /20 ms/ }, kind)
  t.equal(sockets.length, 3)
  for (const socket of sockets) if (!socket.destroyed) await once(socket, 'close')
})

t.test('nobody there, or garbage, is not healthy', async t => {
  const port = await unusedPort()
  for (const kind of ['http', 'https', 'grpc', 'tcp'] as const)
    t.match(await probe({ kind, port }), { healthy: false, reason: /ECONNREFUSED/ }, kind)
  const garbage = await listen(
    t,
    net.createServer(socket => void socket.on('error', () => {}).end('garbage\r\n\r\n')),
  )
  for (const kind of ['http', 'https', 'grpc'] as const)
    t.match(await probe({ kind, port: garbage }), { healthy: false }, kind)
  const malformed = { port: garbage, headers: [{ name: 'a b', value: '\n' }] }
  t.match(await probe(malformed), { healthy: false })
})

t.test('TCP is healthy where connections are taken', async t => {
  const port = await listen(
    t,
    net.createServer(socket => void socket.resume()),
  )
  t.match(await probe({ kind: 'tcp', port }), { healthy: true })
})

t.test('HTTPS is asked whatever its certificate', async t => {
  const folder = t.testdir()
  const [key, cert] = ['key.pem', 'cert.pem'].map(name => join(folder, name)) as [string, string]
  writeFileSync(join(folder, 'empty.cnf'), '[req]\ndistinguished_name=dn\n[dn]\n')
  try {
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-config',
        join(folder, 'empty.cnf'),
        '-subj',
        '/CN=expired',
        '-days',
        '1',
        '-keyout',
        key,
        '-out',
        cert,
      ],
      { stdio: 'ignore' },
    )
  } catch {
    return t.comment('skipped: openssl is not there')
  }
  const { readFileSync } = await import('node:fs')
  const server = https.createServer(
    { key: readFileSync(key), cert: readFileSync(cert) },
    (request, response) => response.writeHead(request.url === '/ok' ? 200 : 500).end(),
  )
  const port = await listen(t, server)
  t.match(await probe({ kind: 'https', port, path: '/ok' }), { healthy: true })
  t.match(await probe({ kind: 'https', port, path: '/no' }), { healthy: false, reason: /500/ })
})

/** Answers by the service that is asked for. */
function startHealthService(t: Test, seen: string[] = []): Promise<number> {
  const server = http2.createServer()
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = []
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      const service = Buffer.concat(chunks).subarray(7).toString()
      seen.push(
        `${headers[':path']} ${headers['content-type']} ${String(headers['te'])} ${service}`,
      )
      const head = { ':status': 200, 'content-type': 'application/grpc' }
      if (service === 'missing')
        return stream.respond({ ...head, 'grpc-status': '5' }, { endStream: true })
      if (service === 'old')
        return stream.respond({ ...head, 'grpc-status': '12' }, { endStream: true })
      if (service === 'plain') return stream.respond({ ':status': 200 }, { endStream: true })
      const bodies: Record<string, number[]> = {
        '': [0, 0, 0, 0, 2, 8, 1],
        down: [0, 0, 0, 0, 2, 8, 2],
        unknown: [0, 0, 0, 0, 0],
        packed: [1, 0, 0, 0, 2, 8, 1],
        cut: [0, 0, 0, 0, 9, 8, 1],
        other: [0, 0, 0, 0, 2, 16, 1],
      }
      stream.respond(head, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(Buffer.from(bodies[service] ?? []))
    })
  })
  return listen(t, server as unknown as net.Server)
}

t.test('gRPC is healthy where the health service says SERVING', async t => {
  const seen: string[] = []
  const port = await startHealthService(t, seen)
  const ask = (service?: string) =>
    probe({ kind: 'grpc', port, ...(service !== undefined && { service }) })
  t.strictSame(await ask(), { healthy: true, reason: 'it is SERVING' })
  t.strictSame(await ask('down'), { healthy: false, reason: 'it is NOT_SERVING' })
  t.strictSame(await ask('unknown'), { healthy: false, reason: 'it is UNKNOWN' })
  t.match(await ask('missing'), { healthy: false, reason: /grpc-status 5/ })
  t.match(await ask('old'), { healthy: false, reason: /has no service/ })
  t.match(await ask('plain'), { healthy: false, reason: /HTTP 200 without grpc-status/ })
  for (const service of ['packed', 'cut', 'other'])
    t.match(await ask(service), { healthy: false, reason: /what it answered is no/ }, service)
  t.equal(seen[1], '/grpc.health.v1.Health/Check application/grpc trailers down')
})

t.test('a name that needs two bytes for its length arrives whole', async t => {
  const bodies: Buffer[] = []
  const server = http2.createServer()
  server.on('stream', stream => {
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => bodies.push(chunk))
    stream.on('end', () =>
      stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true }),
    )
  })
  const port = await listen(t, server as unknown as net.Server)
  await probe({ kind: 'grpc', port, service: 'x'.repeat(300) })
  const body = Buffer.concat(bodies)
  t.strictSame([...body.subarray(0, 8)], [0, 0, 0, 1, 47, 0x0a, 0xac, 0x02])
  t.equal(body.length, 308)
})

t.test('an abort ends a probe at once', async t => {
  const port = await listen(
    t,
    net.createServer(socket => void socket.resume()),
  )
  for (const kind of ['http', 'https', 'grpc', 'tcp'] as const) {
    const abort = new AbortController()
    const options = { kind, port, timeoutMs: 60_000, signal: abort.signal }
    const verdict = probe(options as Parameters<typeof probe>[0])
    abort.abort()
    t.match(await verdict, { healthy: false, reason: /given up/ }, kind)
  }
})
