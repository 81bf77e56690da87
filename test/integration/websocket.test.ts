// Upgrades and their tunnels through two sidecars, by HTTP/1.1 and by HTTP/2.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import type { Duplex } from 'node:stream'
import type { Test } from 'tap'
import t from 'tap'
import { connectHttp2 } from '../support/http2.ts'
import { call, eventually, startApplication } from '../support/mesh.ts'
import { startOrders } from '../support/orders.ts'
import { TcpClient } from '../support/tcp.ts'

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

type Handler = (socket: Duplex, request: http.IncomingMessage) => void

/** @returns the port of an application that answers upgrades as RFC 6455 says, and other requests with 200. */
async function startWebSockets(t: Test, handler: Handler, accept = acceptOf): Promise<number> {
  const sockets = new Set<Duplex>()
  const server = http.createServer((_request, response) => response.end('no socket'))
  server.on('upgrade', (request: http.IncomingMessage, socket: Duplex) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    if (request.url === '/refused')
      return void socket.end('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno')
    const key = accept(request.headers['sec-websocket-key'] ?? '')
    const fields = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${key}\r\n`
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`)
    handler(socket, request)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}

const key = 'dGhlIHNhbXBsZSBub25jZQ=='

/** Head and tunnel of an upgrade; the client keeps all that came behind the head. */
async function openSocket(t: Test, port: number, path = '/') {
  const client = await TcpClient.connect(t, port)
  const fields = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${key}\r\n`
  client.socket.write(`GET ${path} HTTP/1.1\r\nHost: orders\r\n${fields}\r\n`)
  await client.until(({ received }) => received.includes('\r\n\r\n'))
  const headEnd = client.received.indexOf('\r\n\r\n') + 4
  const head = client.received.slice(0, headEnd)
  client.received = client.received.slice(headEnd)
  return { head, client }
}

async function readAll(stream: Duplex): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += (chunk as Buffer).toString('latin1')
  return text
}

/** Ping, pong, a text frame and close: of no interest to a proxy. */
const frames = Buffer.from('8900' + '8a00' + '810568656c6c6f' + '880203e8', 'hex')

t.test('frames pass both ways as they are, the control ones too', async t => {
  const port = await startWebSockets(t, socket => void socket.pipe(socket))
  const { local } = await startOrders(t, port, { name: 'http' })
  const { head, client } = await openSocket(t, local)
  t.match(head, `Sec-WebSocket-Accept: ${acceptOf(key)}\r\n`)
  client.socket.write(frames)
  await client.until(({ received }) => received === frames.toString('latin1'))
})

t.test('each half of the tunnel ends on its own', async t => {
  const heard: string[] = []
  const port = await startWebSockets(t, (socket, { url }) => {
    if (url === '/server-first') {
      socket.end('goodbye')
      void readAll(socket).then(text => heard.push(text))
    } else void readAll(socket).then(text => socket.end(`heard ${text}`))
  })
  const { local } = await startOrders(t, port, { appProtocol: 'kubernetes.io/ws' })
  const { client: first } = await openSocket(t, local, '/client-first')
  first.socket.end('that was all')
  await first.until(({ ended }) => ended)
  t.equal(first.received, 'heard that was all')

  const { client: second } = await openSocket(t, local, '/server-first')
  await second.until(({ ended }) => ended)
  t.equal(second.received, 'goodbye')
  second.socket.end('not yet, and now')
  await eventually(
    () => heard,
    words => words.length > 0,
  )
  t.strictSame(heard, ['not yet, and now'])
})

t.test('an application that does not want to switch is heard', async t => {
  const { local } = await startOrders(t, await startWebSockets(t, () => {}), { name: 'http' })
  const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': key }
  t.match(await call(local, { path: '/refused', headers }), { status: 403, body: 'no' })
})

const extendedConnect = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat' }

t.test('a client of HTTP/2 opens a WebSocket of an application of HTTP/1.1', async t => {
  let asked: http.IncomingHttpHeaders = {}
  const port = await startWebSockets(t, (socket, { headers }) => {
    asked = headers
    socket.pipe(socket)
  })
  const { local } = await startOrders(t, port, { name: 'http' })
  const session = connectHttp2(t, local)
  await once(session, 'remoteSettings')
  const stream = session.request({ ...extendedConnect, 'sec-websocket-version': '13' })
  const [answer] = await once(stream, 'response')
  t.equal(answer[':status'], 200)
  t.notOk('sec-websocket-accept' in answer, 'the key was ours, and so is its proof')
  t.equal(Buffer.from(asked['sec-websocket-key'] ?? '', 'base64').length, 16)
  t.equal(asked['sec-websocket-version'], '13')
  stream.write(frames)
  const [echo] = (await once(stream, 'data')) as [Buffer]
  t.ok(echo.equals(frames))
  stream.end()
  await once(stream, 'close')
})

t.test('an application that accepts another WebSocket than that is not believed', async t => {
  const { local } = await startOrders(
    t,
    await startWebSockets(
      t,
      () => {},
      () => 'mine',
    ),
    {
      name: 'http',
    },
  )
  const session = connectHttp2(t, local)
  await once(session, 'remoteSettings')
  const [answer] = await once(session.request(extendedConnect), 'response')
  t.match(answer, { ':status': 502, 'x-weft-reason': 'upstream_protocol' })
})

t.test('a drain lets them live until its time is over', async t => {
  const port = await startWebSockets(t, socket => void socket.pipe(socket))
  const { local, server } = await startOrders(t, port, { name: 'http' })
  const { client } = await openSocket(t, local)
  const drained = server.drain()
  for (const word of ['still', ' here']) {
    client.socket.write(word)
    await client.until(({ received }) => received.endsWith(word))
  }
  await drained
  await client.until(({ socket }) => socket.destroyed)
})

t.test('events of a server are sent on at once', async t => {
  const responses: http.ServerResponse[] = []
  const port = await startApplication(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    responses.push(response)
  })
  const { local } = await startOrders(t, port)
  const request = http.get({ host: '127.0.0.1', port: local })
  t.teardown(() => request.destroy())
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage]
  for (const event of ['data: 1\n\n', 'data: 2\n\n', ': still here\n\n']) {
    responses[0]?.write(event)
    const [chunk] = (await once(answer, 'data')) as [Buffer]
    t.equal(chunk.toString(), event)
  }
})

t.test('100 and 103 pass on to who waits for them', async t => {
  const port = await startApplication(t, (request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    request.pipe(response)
  })
  const { local } = await startOrders(t, port)
  const request = http.request({
    host: '127.0.0.1',
    port: local,
    method: 'POST',
    headers: { expect: '100-continue', 'content-length': 4 },
    agent: false,
  })
  const hints: http.InformationEvent[] = []
  request.on('information', hint => hints.push(hint))
  request.flushHeaders()
  await once(request, 'continue')
  request.end('body')
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage]
  let body = ''
  for await (const chunk of answer) body += String(chunk)
  t.equal(body, 'body')
  t.match(hints.at(-1), { statusCode: 103, headers: { link: '</style.css>; rel=preload' } })
})
