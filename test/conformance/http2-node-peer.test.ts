// node:http2 (nghttp2) as the other side.
import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { HeaderList } from '../../src/http/headers.ts'
import { defaultLimits } from '../../src/http/limits.ts'
import { unknownLength } from '../../src/http/message.ts'
import { echo, ignore } from '../support/handlers.ts'
import { requestHead, responseHead } from '../support/requests.ts'
import { Collector, connect, serve } from '../unit/http/http2/exchange.ts'

async function nodeClient(port: number) {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  await once(session, 'connect')
  return {
    session,
    async [Symbol.asyncDispose]() {
      if (session.destroyed) return
      session.destroy()
      await once(session, 'close')
    },
  }
}

async function nodeServer(
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
) {
  const server = http2.createServer()
  const sessions = new Set<http2.ServerHttp2Session>()
  server.on('session', session => {
    sessions.add(session)
    session.on('error', () => {})
    session.on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    onStream(stream, headers)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    sessions,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function read(stream: http2.ClientHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

t.test('every byte of the Huffman code arrives as node:http2 wrote it', async t => {
  const seen: (string | undefined)[] = []
  await using server = await serve(stream => {
    seen.push(stream.request.headers.get('x-a'))
    echo(stream)
  })
  await using client = await nodeClient(server.port)
  const values = Array.from({ length: 256 }, (_, i) => i)
    .filter(byte => byte > 0x20 && byte !== 0x7f)
    .map(byte => `a${String.fromCharCode(byte).repeat(3)} b`)
  for (const value of values) {
    const request = client.session.request({ ':path': '/', 'x-a': value })
    request.resume()
    await once(request, 'end')
  }
  t.strictSame(seen, values)
})

t.test('a node:http2 client gets bodies, trailers and 1xx from our server', async t => {
  await using server = await serve(stream => {
    stream.sendInformational(responseHead(103, { bodyLength: unknownLength }))
    stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
    stream.receiver = {
      ...ignore,
      onBody(chunk) {
        if (!stream.write(chunk)) stream.pause()
      },
      onWritable: () => stream.resume(),
      onEnd() {
        stream.end(HeaderList.of({ 'grpc-status': '0' }))
      },
    }
  })
  await using client = await nodeClient(server.port)
  const body = Buffer.alloc(2_000_000, 'abc')
  const request = client.session.request({ ':method': 'POST', ':path': '/' })
  const informational: unknown[] = []
  let trailers: http2.IncomingHttpHeaders = {}
  request.on('headers', head => informational.push(head[':status']))
  request.on('trailers', head => {
    trailers = head
  })
  request.end(body)
  t.ok((await read(request)).equals(body))
  t.strictSame(informational, [103])
  t.equal(trailers['grpc-status'], '0')
})

t.test('cookie crumbs of a node:http2 client are joined', async t => {
  let seen: string[] | undefined
  await using server = await serve(stream => {
    seen = stream.request.headers.getAll('cookie')
    echo(stream)
  })
  await using client = await nodeClient(server.port)
  const request = client.session.request({ ':path': '/', cookie: ['a=1', 'b=2', 'c=3'] })
  request.resume()
  await once(request, 'end')
  t.strictSame(seen, ['a=1; b=2; c=3'])
})

t.test('a node:http2 client opens a WebSocket tunnel by RFC 8441', async t => {
  await using server = await serve(stream => {
    t.equal(stream.request.upgrade, 'websocket')
    stream.sendHead(responseHead(101, { bodyLength: unknownLength }), false)
    stream.receiver = { ...ignore, onBody: chunk => stream.write(chunk), onEnd: () => stream.end() }
  })
  await using client = await nodeClient(server.port)
  if (!client.session.remoteSettings.enableConnectProtocol)
    await once(client.session, 'remoteSettings')
  const tunnel = client.session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':path': '/chat',
  })
  tunnel.end('frames')
  t.equal((await read(tunnel)).toString(), 'frames')
})

t.test('a graceful drain loses no request of a node:http2 client', async t => {
  await using server = await serve(echo)
  await using client = await nodeClient(server.port)
  const body = Buffer.alloc(500_000, 'x')
  const request = client.session.request({ ':method': 'POST', ':path': '/' })
  request.write(body)
  await once(request, 'response')
  const goaway = once(client.session, 'goaway')
  server.connections[0]?.drain()
  await goaway
  request.end()
  t.equal((await read(request)).length, body.length)
  if (!client.session.destroyed) await once(client.session, 'close')
  t.pass()
})

t.test('a reader of node:http2 that sleeps bounds what our server holds', async t => {
  let written = 0
  let full = false
  await using server = await serve(stream => {
    stream.receiver = ignore
    stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
    const chunk = Buffer.alloc(64 * 1024)
    const pour = () => {
      written += chunk.length
      if (stream.write(chunk)) setImmediate(pour)
      else full = true
    }
    pour()
  })
  await using client = await nodeClient(server.port)
  client.session.request({ ':path': '/' })
  while (!full) await new Promise(setImmediate)
  t.ok(written < 1024 * 1024, `${written} bytes were taken`)
})

t.test('our client gets bodies and trailers from a node:http2 server', async t => {
  await using server = await nodeServer(stream => {
    stream.respond({ ':status': 200, 'x-a': 'ü' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '7' }))
    stream.pipe(stream)
  })
  await using client = await connect(server.port)
  const body = Buffer.alloc(2_000_000, 'abc')
  for (let i = 0; i < 3; i++) {
    const receiver = new Collector()
    const head = requestHead({ method: 'POST', bodyLength: body.length })
    const stream = client.connection.request(head, receiver, false)
    stream.write(body)
    stream.end()
    await receiver.done
    t.equal(receiver.error, undefined)
    t.equal(receiver.head?.headers.get('x-a'), 'ü')
    t.ok(receiver.body.equals(body))
    t.equal(receiver.trailers?.get('grpc-status'), '7')
  }
})

t.test('a receiver that pauses bounds what a node:http2 server sends', async t => {
  const size = 5_000_000
  await using server = await nodeServer(stream => {
    stream.respond({ ':status': 200 })
    stream.end(Buffer.alloc(size))
  })
  await using client = await connect(server.port)
  const receiver = new Collector()
  const stream = client.connection.request(requestHead(), receiver, true)
  stream.pause()
  await receiver.headed
  const length = () => receiver.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  while (length() < defaultLimits.streamWindowBytes) await new Promise(setImmediate)
  // A round trip later still no more than the window.
  const other = new Collector()
  client.connection.request(requestHead({ method: 'HEAD' }), other, true)
  await other.done
  t.equal(length(), defaultLimits.streamWindowBytes)
  stream.resume()
  await receiver.done
  t.equal(length(), size)
})

t.test('GOAWAY and resets of a node:http2 server', async t => {
  await using server = await nodeServer((stream, headers) => {
    if (headers[':path'] === '/reset') stream.close(http2.constants.NGHTTP2_CANCEL)
    else if (headers[':path'] === '/refuse') stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
    else {
      stream.session?.close()
      stream.respond({ ':status': 200 })
      stream.end('last')
    }
  })
  await using client = await connect(server.port)
  const outcome = async (path: string) => {
    const receiver = new Collector()
    client.connection.request(requestHead({ path }), receiver, true)
    await receiver.done
    return receiver.error?.code ?? receiver.body.toString()
  }
  t.equal(await outcome('/reset'), 'upstream_reset')
  t.equal(await outcome('/refuse'), 'upstream_refused')
  t.equal(await outcome('/last'), 'last')
  await client.closed
  t.ok(client.told.includes('retired'))
})

t.test('an unannounced upload ends without an extra body for node:http2', async t => {
  let received = ''
  await using server = await nodeServer(stream => {
    stream.on('data', chunk => {
      received += String(chunk)
    })
    stream.on('end', () => {
      stream.respond({ ':status': 204 }, { endStream: true })
    })
  })
  await using client = await connect(server.port)
  const receiver = new Collector()
  const head = requestHead({ method: 'PUT', bodyLength: unknownLength })
  const stream = client.connection.request(head, receiver, false)
  stream.write(Buffer.from('a'))
  await new Promise(setImmediate)
  stream.write(Buffer.from('b'))
  stream.end()
  await receiver.done
  t.equal(receiver.head?.status, 204)
  t.equal(received, 'ab')
})

t.test('a client that speaks something else gets nothing but GOAWAY', async t => {
  await using server = await serve(echo)
  const socket = net.connect(server.port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\n\r\n')
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  t.notMatch(Buffer.concat(chunks).toString('latin1'), /HTTP/)
})
