import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { ExchangeError } from '../../../../src/base/errors.ts'
import { Http1ServerConnection } from '../../../../src/http/http1/server-connection.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'
import { unknownLength } from '../../../../src/http/message.ts'
import { echo } from '../../../support/handlers.ts'
import { responseHead } from '../../../support/requests.ts'
import { Seen, answer, serve } from './serving.ts'
import { Wire, settled, turn } from './wire.ts'

const get = 'GET / HTTP/1.1\r\nHost: orders\r\n\r\n'
const post = 'POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\n\r\nhello'
const chunked =
  'POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n'

function answerOk({ stream }: Seen): void {
  answer(stream, 'ok')
}

for (const [name, bytes] of Object.entries({ get, post, chunked }))
  t.test(`${name}: a request is the same wherever the bytes are cut`, async t => {
    await using server = await serve()
    await using client = await Wire.connect(server.port)
    for (let cut = 1; cut < bytes.length; cut++) {
      await client.sendPieces([bytes.slice(0, cut), bytes.slice(cut)])
      const seen = await (await server.request(cut - 1)).until(({ complete }) => complete)
      const expected = name === 'get' ? '' : 'hello'
      if (seen.body !== expected) t.fail(`cut at ${cut}: ${seen.body}`)
      answer(seen.stream, 'ok')
      await client.untilHas('\r\n\r\nok', cut)
    }
    t.equal(server.requests.length, bytes.length - 1)
    t.strictSame(server.refused, [])
  })

t.test('a request may come byte by byte, behind empty lines', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  await client.sendPieces(Array.from(`\r\n\r\n${chunked}`))
  const seen = await (await server.request()).until(({ complete }) => complete)
  t.equal(seen.body, 'hello')
  t.equal(seen.trailers?.get('a'), 'b')
  t.strictSame(seen.told, ['body', 'end'])
})

t.test('names keep their spelling, fields their order, duplicates their number', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.send(
    'GET / HTTP/1.1\r\nX-B: 1\r\nhost: orders\r\nx-a:2\r\nX-b:\t 3 \t\r\nACCEPT: \r\n\r\n',
  )
  const { headers } = (await server.request()).stream.request
  t.strictSame(headers.rawNames, ['X-B', 'x-a', 'X-b', 'ACCEPT'])
  t.strictSame(headers.names, ['x-b', 'x-a', 'x-b', 'accept'])
  t.strictSame(headers.values, ['1', '2', '3', ''])
})

t.test('what is for this connection only is dropped', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  const fields = [
    'Connection: X-Once, keep-alive',
    'X-Once: 1',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authorization: x',
    'TE: gzip, Trailers',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAAQAAP__',
    'X-Kept: 1',
  ]
  client.send(`GET / HTTP/1.1\r\nHost: orders\r\n${fields.join('\r\n')}\r\n\r\n`)
  const { request } = (await server.request()).stream
  t.strictSame(request.headers.names, ['x-kept'])
  t.equal(request.acceptsTrailers, true)
  t.equal(request.upgrade, undefined)
})

const persistence: Record<string, readonly [head: string, says: string | undefined]> = {
  'HTTP/1.1': ['GET / HTTP/1.1\r\nHost: orders', undefined],
  'HTTP/1.1 with close': ['GET / HTTP/1.1\r\nHost: orders\r\nConnection: Close', 'close'],
  'HTTP/1.1 with close among others': [
    'GET / HTTP/1.1\r\nHost: orders\r\nConnection: keep-alive\r\nConnection: x, close',
    'close',
  ],
  'HTTP/1.0': ['GET / HTTP/1.0', 'close'],
  'HTTP/1.0 with keep-alive': ['GET / HTTP/1.0\r\nConnection: Keep-Alive', 'keep-alive'],
}

for (const [name, [lines, says]] of Object.entries(persistence))
  t.test(`${name}: the connection is ${says === 'close' ? 'closed' : 'kept'}`, async t => {
    await using server = await serve({ handle: answerOk })
    await using client = await Wire.connect(server.port)
    client.send(`${lines}\r\n\r\n`)
    const received = await client.untilHas('\r\n\r\nok')
    t.equal(/\r\nConnection: (\S+)\r\n/.exec(received)?.[1], says)
    client.send(`${lines}\r\n\r\n`)
    if (says === 'close') {
      t.equal(await client.ended(), 'fin')
      t.equal(server.requests.length, 1)
    } else t.ok(await server.request(1))
  })

t.test('a thousand requests at once are answered in order without recursion', async t => {
  await using server = await serve({
    handle: ({ stream }) => answer(stream, stream.request.path),
  })
  await using client = await Wire.connect(server.port)
  const paths = Array.from({ length: 1000 }, (_, i) => `/${i}`)
  client.send(paths.map(path => `GET ${path} HTTP/1.1\r\nHost: orders\r\n\r\n`).join(''))
  const received = await client.untilHas('/999')
  t.strictSame(
    received
      .split('\r\n\r\n')
      .slice(1)
      .map(text => text.split('HTTP/1.1')[0]),
    paths,
  )
})

t.test('bodies sent at once stay with their requests', async t => {
  await using server = await serve({ handle: ({ stream }) => echo(stream) })
  await using client = await Wire.connect(server.port)
  client.send(`${post}${chunked}${get}${post}`)
  const received = await client.until(text => text.split('\r\n\r\nhello').length > 2)
  t.strictSame(received.split(/HTTP\/1\.1 200 OK\r\n.*\r\n\r\n/).slice(1), [
    'hello',
    '3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n',
    '',
    'hello',
  ])
})

t.test('a client that is done sending gets the answers to all it asked', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.send(get.repeat(3))
  client.socket.end()
  for (let i = 0; i < 3; i++) {
    const { stream } = await server.request(i)
    await turn()
    answer(stream, `answer ${i}`)
  }
  t.match(await client.all(), /answer 0[^]*answer 1[^]*answer 2$/)
  t.equal(client.ending, 'fin')
})

t.test('a client that ends between requests is answered by the same', async t => {
  await using server = await serve({ handle: answerOk })
  await using client = await Wire.connect(server.port)
  client.send(get)
  await client.untilHas('ok')
  client.socket.end()
  t.equal(await client.ended(), 'fin')
  t.strictSame(server.refused, [])
})

t.test('an answer that began before the client ended is the last one', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.send(get)
  const { stream } = await server.request()
  stream.sendHead(responseHead(200, { bodyLength: 2 }), false)
  client.socket.end()
  await turn()
  stream.write(Buffer.from('ok'))
  stream.end()
  t.match(await client.all(), /ok$/)
  t.equal(client.ending, 'fin')
})

t.test('a connection that ends within a head or a body gets 400', async t => {
  for (const bytes of ['GET / HT', get.slice(0, -1), post.slice(0, -1), chunked.slice(0, -1)]) {
    await using server = await serve()
    await using client = await Wire.connect(server.port)
    client.send(bytes)
    client.socket.end()
    t.match(await client.all(), /^HTTP\/1\.1 400 /)
    const [seen] = server.requests
    if (seen !== undefined) t.strictSame(seen.told.at(-1), 'reset bad_request')
  }
})

// Limits

const line = 'X-A: '

const tooMuch: Record<string, readonly [status: number, bytes: string]> = {
  'a target that is too long': [414, `GET /${'a'.repeat(2000)} HTTP/1.1\r\nHost: orders\r\n\r\n`],
  'a request line without end': [414, `GET /${'a'.repeat(2000)}`],
  'a header line that is too long': [
    431,
    `GET / HTTP/1.1\r\nHost: orders\r\n${line}${'a'.repeat(2000)}\r\n\r\n`,
  ],
  'too many header lines': [
    431,
    `GET / HTTP/1.1\r\nHost: orders\r\n${'X-A: a\r\n'.repeat(20)}\r\n`,
  ],
  'a head that is too long': [
    431,
    `GET / HTTP/1.1\r\nHost: orders\r\n${`${line}${'a'.repeat(900)}\r\n`.repeat(5)}\r\n`,
  ],
  'a head without end': [
    431,
    `GET / HTTP/1.1\r\nHost: orders\r\n${`${line}${'a'.repeat(900)}\r\n`.repeat(5)}`,
  ],
  'too many connection options': [
    431,
    `GET / HTTP/1.1\r\nHost: orders\r\nConnection: ${'a,'.repeat(21)}\r\n\r\n`,
  ],
  'trailers that are too long': [
    431,
    `POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ${'a'.repeat(5000)}`,
  ],
  'too many trailers': [
    431,
    `POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'A: a\r\n'.repeat(21)}\r\n`,
  ],
}

for (const [name, [status, bytes]] of Object.entries(tooMuch)) {
  t.test(`${name} gets ${status}`, async t => {
    const limits = { maxLineBytes: 1000, maxHeadBytes: 4000, maxHeaderCount: 20 }
    for (const pieces of [[bytes], bytes.match(/[^]{1,100}/g) ?? []]) {
      await using server = await serve({ limits })
      await using client = await Wire.connect(server.port)
      await client.sendPieces(pieces)
      t.match(await client.all(), new RegExp(`^HTTP/1\\.1 ${status} [^]*Connection: close`))
      t.equal(client.ending, 'fin')
      t.equal(server.requests.filter(({ complete }) => complete).length, 0)
    }
  })
}

t.test('what is just within the limits is served', async t => {
  const limits = { maxLineBytes: 1000, maxHeadBytes: 3000, maxHeaderCount: 3 }
  await using server = await serve({ limits })
  await using client = await Wire.connect(server.port)
  const requestLine = `GET /${'a'.repeat(1000 - 14)} HTTP/1.1`
  t.equal(requestLine.length, 1000)
  const fields = `Host: orders\r\nX-A: ${'a'.repeat(995)}\r\nX-B: ${'b'.repeat(900)}\r\n`
  client.send(`${requestLine}\r\n${fields}\r\n`)
  t.equal((await server.request()).stream.request.headers.length, 2)
})

t.test('a refused HEAD is answered without a body', async t => {
  const limits = { maxHeadBytes: 200, maxLineBytes: 100, headerTimeoutMs: 10 }
  const heads = {
    'its fields': ['HEAD / HTTP/1.1\r\n\r\n'],
    'its length': [`HEAD / HTTP/1.1\r\nHost: orders\r\n${'X-A: a\r\n'.repeat(30)}\r\n`],
    'its length, in pieces': ['HEAD / HTTP/1.1\r\n', 'X-A: a\r\n'.repeat(30)],
    'its end': ['HE', 'AD / HTTP/1.1\r\n', 'X-A: a\r\nX-B: b\n\r\n'],
  }
  for (const [name, pieces] of Object.entries(heads)) {
    await using server = await serve({ limits })
    await using client = await Wire.connect(server.port)
    await client.sendPieces(pieces)
    t.match(await client.all(), /^HTTP\/1\.1 4\d\d [^]*Content-Length: \d+\r\n[^]*\r\n\r\n$/, name)
  }
})

t.test('a handler that gives up a HEAD sends no body either', async t => {
  await using server = await serve({
    handle: ({ stream }) => stream.reset(new ExchangeError('no_route', 'none')),
  })
  await using client = await Wire.connect(server.port)
  client.send('HEAD / HTTP/1.1\r\nHost: orders\r\n\r\n')
  t.match(await client.all(), /^HTTP\/1\.1 404 [^]*\r\n\r\n$/)
})

// Timeouts

async function accepted(limits = {}) {
  const clock = { now: 1000 }
  const server = await serve({
    clock,
    limits: { headerTimeoutMs: 100, idleTimeoutMs: 1000, ...limits },
  })
  const client = await Wire.connect(server.port)
  const connection = await server.connection()
  return {
    server,
    client,
    sweepAt(now: number): void {
      clock.now = now
      connection.sweep(now)
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

t.test('a client that says nothing is let go without an answer', async t => {
  await using peer = await accepted()
  peer.sweepAt(1100)
  t.equal(peer.client.ending, undefined)
  peer.sweepAt(1101)
  t.equal(await peer.client.all(), '')
  t.strictSame(peer.server.refused, [])
})

t.test('a head that does not end in time gets 408, however busily it drips', async t => {
  await using peer = await accepted()
  peer.client.send('GET / HTTP/1.1\r\n')
  await settled(() => peer.client.socket.bytesWritten)
  peer.sweepAt(1050)
  peer.client.send('Host: orders\r\n')
  await settled(() => peer.client.socket.bytesWritten)
  peer.sweepAt(1101)
  t.match(await peer.client.all(), /^HTTP\/1\.1 408 [^]*Connection: close/)
  t.strictSame(peer.server.refused, ['request_timeout'])
})

t.test('a second head has its own time, from when a sweep first sees it', async t => {
  await using peer = await accepted()
  peer.client.send(get)
  answer((await peer.server.request()).stream, 'ok')
  await peer.client.untilHas('ok')
  peer.client.send('GET /')
  await settled(() => peer.client.socket.bytesWritten)
  peer.sweepAt(1500)
  peer.sweepAt(1600)
  t.equal(peer.client.ending, undefined)
  peer.sweepAt(1601)
  t.match(await peer.client.all(), /ok[^]*408 /)
})

t.test('an idle connection is closed without a word', async t => {
  await using peer = await accepted()
  peer.client.send(get)
  answer((await peer.server.request()).stream, 'ok')
  const received = await peer.client.untilHas('ok')
  peer.sweepAt(1500)
  peer.sweepAt(2500)
  t.equal(peer.client.ending, undefined)
  peer.sweepAt(2501)
  t.equal(await peer.client.all(), received)
  t.equal(peer.client.ending, 'fin')
})

t.test('a body that stalls gets 408', async t => {
  await using peer = await accepted()
  peer.client.send(post.slice(0, -1))
  const seen = await (await peer.server.request()).until(({ body }) => body === 'hell')
  peer.sweepAt(1500)
  peer.sweepAt(2501)
  t.match(await peer.client.all(), /^HTTP\/1\.1 408 /)
  t.strictSame(seen.told, ['body', 'reset request_timeout'])
})

t.test('a body that moves now and then does not stall', async t => {
  await using peer = await accepted()
  peer.client.send(post.slice(0, -4))
  const seen = await peer.server.request()
  for (const [i, byte] of ['e', 'l', 'l', 'o'].entries()) {
    peer.sweepAt(1900 + i * 1000)
    peer.client.send(byte)
    await seen.until(({ body }) => body.length === i + 2)
  }
  t.equal(seen.body, 'hello')
  t.equal(seen.error, undefined)
})

t.test('a handler that never answers costs a 504, not the client’s fault', async t => {
  for (const paused of [false, true]) {
    await using peer = await accepted()
    peer.client.send(paused ? post.slice(0, -1) : post)
    const seen = await (await peer.server.request()).until(({ body }) => body.startsWith('hell'))
    if (paused) seen.stream.pause()
    peer.sweepAt(1500)
    peer.sweepAt(2501)
    t.match(await peer.client.all(), /^HTTP\/1\.1 504 /)
    t.equal(seen.error?.code, 'upstream_timeout')
    t.strictSame(peer.server.refused, [])
  }
})

t.test('an answer that nobody reads is given up', async t => {
  await using peer = await accepted()
  peer.client.socket.pause()
  peer.client.send(get)
  const seen = await peer.server.request()
  seen.stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
  const chunk = Buffer.alloc(64 * 1024)
  while (seen.stream.write(chunk));
  await settled(() => seen.writable)
  while (seen.stream.write(chunk)) await turn()
  peer.sweepAt(1500)
  peer.sweepAt(2501)
  await seen.until(({ error }) => error !== undefined)
  t.equal(seen.error?.code, 'request_timeout')
})

// Closing

t.test('an error answer reaches a client that goes on sending its body', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.send('POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\njunk\r\n')
  for (let sent = 0; sent < 64; sent++) {
    client.send(Buffer.alloc(64 * 1024))
    await turn()
  }
  t.match(await client.all(), /^HTTP\/1\.1 400 [^]*bad_request\n$/)
  t.equal(client.ending, 'fin')
})

t.test('an error answer ends the waiting of what was sent behind its request', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.send(get + get)
  const { stream } = await server.request()
  await settled(() => client.socket.bytesWritten)
  stream.reset(new ExchangeError('upstream_timeout', 'late'))
  t.match(await client.all(), /^HTTP\/1\.1 504 [^]*upstream_timeout\n$/)
  client.send(Buffer.alloc(16 * 1024 * 1024))
  client.socket.end()
  await once(client.socket, 'close')
  t.equal(server.requests.length, 1)
})

t.test('a client that stays open after the last answer is closed after two seconds', async t => {
  await using peer = await accepted()
  const { socket } = peer.client
  peer.client.send('junk\r\n\r\n')
  await peer.client.all()
  peer.sweepAt(3000)
  peer.client.send('x')
  await settled(() => socket.bytesWritten)
  t.notOk(socket.destroyed)
  peer.sweepAt(3001)
  while (!socket.destroyed) {
    peer.client.send('x')
    await turn()
  }
  t.match(peer.client.received, /400/)
})

/** Its last answer, complete, and none of it read yet. @returns the length of the body. */
async function answerUnread(peer: Awaited<ReturnType<typeof accepted>>): Promise<number> {
  peer.client.socket.pause()
  peer.client.send('GET / HTTP/1.0\r\n\r\n')
  const { stream } = await peer.server.request()
  const size = 16 * 1024 * 1024
  stream.sendHead(responseHead(200, { bodyLength: size }), false)
  stream.write(Buffer.alloc(size, 'x'))
  stream.end()
  await turn()
  return size
}

t.test('the last answer is not cut off while a slow client reads it', async t => {
  await using peer = await accepted({ idleTimeoutMs: 100_000 })
  const size = await answerUnread(peer)
  for (let now = 2000; now < 20_000; now += 1000) peer.sweepAt(now)
  peer.client.socket.resume()
  const received = await peer.client.all()
  t.equal(received.length - received.indexOf('\r\n\r\n') - 4, size)
})

t.test('the last answer is given up when its reader stalls for the idle time', async t => {
  await using peer = await accepted()
  const size = await answerUnread(peer)
  peer.sweepAt(2000)
  peer.sweepAt(3001)
  peer.client.socket.resume()
  t.ok((await peer.client.all()).length < size)
})

t.test('drain closes what is idle and lets the rest finish', async t => {
  await using server = await serve()
  await using idle = await Wire.connect(server.port)
  const first = await server.connection(0)
  await using busy = await Wire.connect(server.port)
  const second = await server.connection(1)
  busy.send(get + get)
  const seen = await server.request()
  t.strictSame([first.active, second.active], [0, 1])
  first.drain()
  second.drain()
  t.equal(await idle.all(), '')
  t.equal(busy.received, '')
  answer(seen.stream, 'ok')
  t.match(await busy.all(), /^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n\r\nok$/)
  t.equal(server.requests.length, 1)
})

t.test('drain lets a head that has begun become a request', async t => {
  await using server = await serve({ handle: answerOk })
  await using client = await Wire.connect(server.port)
  const connection = await server.connection()
  client.send(get.slice(0, 10))
  await settled(() => client.socket.bytesWritten)
  connection.drain()
  client.send(get.slice(10))
  t.match(await client.all(), /^HTTP\/1\.1 200 [^]*Connection: close[^]*ok$/)
})

t.test('drain between the head and the end of an answer closes after it', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.send(get)
  const { stream } = await server.request()
  stream.sendHead(responseHead(200, { bodyLength: 2 }), false)
  const connection = await server.connection()
  connection.drain()
  stream.write(Buffer.from('ok'))
  stream.end()
  t.match(await client.all(), /ok$/)
})

t.test('destroy tells the handler that its client is gone', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.send(get)
  const seen = await server.request()
  const connection = await server.connection()
  connection.destroy()
  await seen.until(({ error }) => error !== undefined)
  t.equal(seen.error?.code, 'downstream_closed')
  t.equal(connection.active, 0)
})

const states: Record<string, readonly [bytes: string, told: readonly string[]]> = {
  'before a byte': ['', []],
  'within a head': ['GET / HT', []],
  'within a body': [post.slice(0, -1), ['body', 'reset downstream_closed']],
  'within chunks': [chunked.slice(0, -4), ['body', 'reset downstream_closed']],
  'while it waits': [get, ['reset downstream_closed']],
  'with more requests behind': [get + get, ['reset downstream_closed']],
}

for (const [name, [bytes, told]] of Object.entries(states))
  t.test(`a reset ${name} ends that connection only`, async t => {
    await using server = await serve()
    await using client = await Wire.connect(server.port)
    const connection = await server.connection()
    client.send(bytes)
    const seen = told.length === 0 ? undefined : await server.request()
    if (told[0] === 'body') await seen?.until(({ body }) => body.length >= 4)
    else await settled(() => client.socket.bytesWritten)
    client.socket.resetAndDestroy()
    await seen?.until(({ error }) => error !== undefined)
    t.strictSame(seen?.told ?? [], told)
    await settled(() => connection.active)
    t.equal(connection.active, 0)
    await using other = await Wire.connect(server.port)
    other.send(get)
    answer((await server.request(server.requests.length)).stream, 'ok')
    t.match(await other.untilHas('ok'), /200/)
  })

t.test('a reset within an answer is told once, and further writes go nowhere', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.send(get)
  const seen = await server.request()
  seen.stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
  seen.stream.write(Buffer.from('hello'))
  await client.untilHas('hello')
  client.socket.resetAndDestroy()
  await seen.until(({ error }) => error !== undefined)
  seen.stream.write(Buffer.from('world'))
  seen.stream.end()
  seen.stream.reset(new ExchangeError('upstream_reset', 'late'))
  await turn()
  t.strictSame(seen.told, ['reset downstream_closed'])
})

// Back-pressure

t.test('who pipelines without reading the answers is not read from', async t => {
  const body = 'x'.repeat(10_000)
  await using server = await serve({ handle: ({ stream }) => answer(stream, body) })
  await using client = await Wire.connect(server.port)
  client.socket.pause()
  const requests = 3000
  client.send(get.repeat(requests))
  client.socket.end()
  const served = await settled(() => server.requests.length)
  t.ok(served > 1)
  t.ok(served < requests, `${served} answers were made for nobody`)
  client.socket.resume()
  t.equal((await client.all()).split(body).length - 1, requests)
  t.equal(server.requests.length, requests)
})

t.test(
  'what a client sends behind a request in flight waits with it, but for a little',
  async t => {
    await using server = await serve()
    await using client = await Wire.connect(server.port)
    client.send(get)
    await server.request()
    const size = 64 * 1024 * 1024
    client.send(Buffer.alloc(size))
    await settled(() => client.socket.writableLength)
    t.ok(client.socket.writableLength > size / 2)
  },
)

t.test('a paused body is not read, and all of it comes once it is resumed', async t => {
  const size = 32 * 1024 * 1024
  await using server = await serve({ handle: ({ stream }) => stream.pause() })
  await using client = await Wire.connect(server.port)
  client.send(`POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: ${size}\r\n\r\n`)
  client.send(Buffer.alloc(size, 'x'))
  const seen = await server.request()
  const early = await settled(() => seen.body.length)
  t.ok(early <= 64 * 1024, `${early} bytes came`)
  seen.stream.resume()
  await seen.until(({ complete }) => complete)
  t.equal(seen.body.length, size)
})

t.test('a slow client stops the handler, and lets it go on', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.socket.pause()
  client.send(get)
  const seen = await server.request()
  seen.stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
  const chunk = Buffer.alloc(16 * 1024, 'x')
  let written = 0
  const write = (): boolean => {
    written += chunk.length
    return seen.stream.write(chunk)
  }
  for (let told = 0; ; told = seen.writable) {
    while (write());
    await settled(() => seen.writable)
    if (seen.writable === told) break
  }
  t.ok(written < 16 * 1024 * 1024, `${written} bytes`)
  const before = seen.writable
  client.socket.resume()
  await seen.until(({ writable }) => writable > before)
  seen.stream.end()
  const received = await client.untilHas('\r\n0\r\n\r\n')
  t.equal(received.split('x').length - 1, written)
})

t.test('one exchange does not pause the next', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.send(post)
  const first = await (await server.request()).until(({ complete }) => complete)
  first.stream.pause()
  answer(first.stream, 'ok')
  first.stream.pause()
  client.send(post)
  const second = await (await server.request(1)).until(({ complete }) => complete)
  t.equal(second.body, 'hello')
  first.stream.pause()
  answer(second.stream, 'ok')
  client.send(post)
  t.equal((await (await server.request(2)).until(({ complete }) => complete)).body, 'hello')
})

t.test('a handler that throws does not pass for a fault of the client', async t => {
  const bug = new TypeError('a bug')
  const refused: ExchangeError[] = []
  const socket = new net.Socket()
  const connection = new Http1ServerConnection(socket, {
    limits: defaultLimits,
    info: { remoteAddress: '127.0.0.1', peerIdentity: undefined },
    now: () => 0,
    renderError: () => ({ head: responseHead(500), body: Buffer.alloc(0) }),
    onRefused: error => refused.push(error),
    onRequest(stream) {
      stream.receiver = new Seen(stream)
      throw bug
    },
  })
  t.throws(() => socket.emit('data', Buffer.from(get)), bug)
  t.strictSame(refused, [])
  connection.destroy()
})
