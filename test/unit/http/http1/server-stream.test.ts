import t from 'tap'
import { ExchangeError } from '../../../../src/base/errors.ts'
import { HeaderList } from '../../../../src/http/headers.ts'
import { unknownLength } from '../../../../src/http/message.ts'
import { responseHead } from '../../../support/requests.ts'
import { answer, serve } from './serving.ts'
import { Wire, settled, turn } from './wire.ts'

const get = 'GET / HTTP/1.1\r\nHost: orders\r\n\r\n'
const old = 'GET / HTTP/1.0\r\n\r\n'

/** A server, a client that has sent `bytes`, and the request that they are. */
async function asked(bytes: string) {
  const server = await serve()
  const client = await Wire.connect(server.port)
  client.send(bytes)
  const seen = await server.request()
  return {
    server,
    client,
    seen,
    stream: seen.stream,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

t.test('the handler learns who asks', async t => {
  await using exchange = await asked(get)
  t.strictSame(exchange.stream.connection, {
    remoteAddress: '127.0.0.1',
    peerIdentity: undefined,
  })
})

t.test('an answer with a length is one write', async t => {
  await using exchange = await asked(get)
  const headers = new HeaderList()
  headers.append('X-B', '2')
  headers.append('x-a', '1')
  headers.append('Set-Cookie', 'a=b')
  headers.append('set-cookie', 'c=d')
  exchange.stream.sendHead(responseHead(200, { headers, bodyLength: 5, reason: 'Fine' }), false)
  exchange.stream.write(Buffer.from('hello'))
  exchange.stream.end()
  t.equal(
    await exchange.client.untilHas('hello'),
    'HTTP/1.1 200 Fine\r\nX-B: 2\r\nx-a: 1\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\nContent-Length: 5\r\n\r\nhello',
  )
})

t.test('bytes beyond ASCII in a body arrive as they are', async t => {
  await using exchange = await asked(get)
  const body = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  exchange.stream.sendHead(responseHead(200, { bodyLength: body.length }), false)
  exchange.stream.write(body)
  exchange.stream.end()
  t.match(await exchange.client.until(text => text.endsWith('\xff')), body.toString('latin1'))
})

t.test('an answer of unknown length is chunked, empty writes are no end', async t => {
  await using exchange = await asked(get)
  exchange.stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
  exchange.stream.write(Buffer.from('hello'))
  exchange.stream.write(Buffer.alloc(0))
  exchange.stream.write(Buffer.from('x'.repeat(17)))
  exchange.stream.end()
  t.equal(
    await exchange.client.untilHas('0\r\n\r\n'),
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n11\r\n${'x'.repeat(17)}\r\n0\r\n\r\n`,
  )
})

t.test('an answer of unknown length to HTTP/1.0 ends with the connection', async t => {
  await using exchange = await asked('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  exchange.stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
  exchange.stream.write(Buffer.from('hello'))
  exchange.stream.end()
  t.equal(await exchange.client.all(), 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello')
  t.equal(exchange.client.ending, 'fin')
})

t.test('an answer that ends with the connection is reset when it is cut short', async t => {
  await using exchange = await asked(old)
  exchange.stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
  exchange.stream.write(Buffer.from('hello'))
  await exchange.client.untilHas('hello')
  exchange.stream.reset(new ExchangeError('upstream_reset', 'gone'))
  t.equal(await exchange.client.ended(), 'reset')
})

t.test('an answer with a length or chunks just ends when it is cut short', async t => {
  for (const bodyLength of [10, unknownLength]) {
    await using exchange = await asked(get)
    exchange.stream.sendHead(responseHead(200, { bodyLength }), false)
    exchange.stream.write(Buffer.from('hello'))
    const received = await exchange.client.untilHas('hello')
    exchange.stream.reset(new ExchangeError('upstream_reset', 'gone'))
    t.equal((await exchange.client.all()).trimEnd(), received.trimEnd())
    t.equal(exchange.client.ending, 'fin')
    await turn()
    t.strictSame(exchange.seen.told, [])
  }
})

t.test('a request given up before its answer gets the error', async t => {
  await using exchange = await asked(get)
  exchange.stream.reset(new ExchangeError('upstream_timeout', 'late'))
  t.match(
    await exchange.client.all(),
    /^HTTP\/1\.1 504 Gateway Timeout\r\n[^]*Connection: close\r\n\r\nupstream_timeout\n$/,
  )
  t.strictSame(exchange.seen.told, [])
})

/** Answers as a proxy hands them on; `body`: written although there must be none. */
const bodyless: Record<
  string,
  readonly [request: string, status: number, length: number, lines: string]
> = {
  'HEAD with a length': ['HEAD', 200, 5, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
  'HEAD without a length': ['HEAD', 200, unknownLength, 'HTTP/1.1 200 OK\r\n\r\n'],
  '304 with a length': ['GET', 304, 5, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
  '304 without a length': ['GET', 304, unknownLength, 'HTTP/1.1 304 Not Modified\r\n\r\n'],
  '204': ['GET', 204, 0, 'HTTP/1.1 204 No Content\r\n\r\n'],
  '204 with a length': ['GET', 204, 5, 'HTTP/1.1 204 No Content\r\n\r\n'],
}

for (const [name, [method, status, bodyLength, lines]] of Object.entries(bodyless))
  t.test(`an answer to ${name} has no body, and the next one follows it`, async t => {
    for (const end of [true, false]) {
      await using exchange = await asked(`${method} / HTTP/1.1\r\nHost: orders\r\n\r\n${get}`)
      exchange.stream.sendHead(responseHead(status, { bodyLength }), end)
      if (!end) {
        exchange.stream.write(Buffer.from('hello'))
        exchange.stream.end()
      }
      answer((await exchange.server.request(1)).stream, 'next')
      const received = await exchange.client.untilHas('next')
      t.equal(received, `${lines}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext`)
    }
  })

t.test('an answer that ends with its head says that it is empty', async t => {
  await using exchange = await asked(get)
  exchange.stream.sendHead(responseHead(200, { bodyLength: unknownLength }), true)
  t.equal(
    await exchange.client.untilHas('\r\n\r\n'),
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  )
})

t.test('a status without a phrase has an empty one', async t => {
  await using exchange = await asked(get)
  exchange.stream.sendHead(responseHead(299), true)
  t.match(await exchange.client.untilHas('\r\n\r\n'), /^HTTP\/1\.1 299 \r\n/)
})

for (const [name, bytes] of [
  ['longer', 'hello!'],
  ['shorter', 'hell'],
])
  t.test(`a body ${name} than announced breaks the connection off`, async t => {
    await using exchange = await asked(get)
    exchange.stream.sendHead(responseHead(200, { bodyLength: 5 }), false)
    exchange.stream.write(Buffer.from(bytes ?? ''))
    exchange.stream.end()
    t.strictSame(exchange.seen.told, [], 'the receiver is not called from within its own call')
    t.notMatch(await exchange.client.all(), /hello/)
    t.strictSame(exchange.seen.told, ['reset upstream_protocol'])
    t.equal(exchange.server.connections[0]?.active, 0)
  })

t.test('informational answers go before the final one, but never to HTTP/1.0', async t => {
  const headers = HeaderList.of({ link: '</a>' })
  for (const [request, expected] of [
    [get, 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'],
    [old, ''],
  ] as const) {
    await using exchange = await asked(request)
    exchange.stream.sendInformational(responseHead(103, { headers }))
    await turn()
    answer(exchange.stream, 'ok')
    exchange.stream.sendInformational(responseHead(103, { headers }))
    const received = await exchange.client.untilHas('ok')
    t.ok(received.startsWith(`${expected}HTTP/1.1 200 OK`))
    t.equal(received.split('HTTP/1.1 103').length, expected === '' ? 1 : 2)
  }
})

t.test('nothing is sent between the head of an answer and its body', async t => {
  await using exchange = await asked(get)
  exchange.stream.sendHead(responseHead(200, { bodyLength: 2 }), false)
  exchange.stream.sendInformational(responseHead(103))
  exchange.stream.sendHead(responseHead(500), true)
  exchange.stream.write(Buffer.from('ok'))
  exchange.stream.end()
  t.equal(await exchange.client.untilHas('ok'), 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
})

t.test('after its end an exchange touches nothing of the next', async t => {
  await using exchange = await asked(get + get)
  answer(exchange.stream, 'first')
  const second = await exchange.server.request(1)
  const { stream } = exchange
  stream.sendInformational(responseHead(103))
  stream.sendHead(responseHead(500), true)
  t.equal(stream.write(Buffer.from('late')), true)
  stream.end()
  stream.reset(new ExchangeError('upstream_reset', 'late'))
  stream.pause()
  stream.resume()
  answer(second.stream, 'second')
  const received = await exchange.client.untilHas('second')
  t.equal(received.split('HTTP/1.1 ').length, 3)
  t.notMatch(received, /late|103|500/)
})

t.test('an answered exchange cannot be reset while its unread body still comes', async t => {
  const post = 'POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\n\r\n'
  await using exchange = await asked(post)
  answer(exchange.stream, 'early')
  exchange.stream.reset(new ExchangeError('upstream_reset', 'late'))
  exchange.client.send(`hello${get}`)
  answer((await exchange.server.request(1)).stream, 'next')
  t.match(await exchange.client.untilHas('next'), /early[^]*next$/)
})

t.test('body, end and writes before the head are ignored', async t => {
  await using exchange = await asked(get)
  exchange.stream.write(Buffer.from('early'))
  exchange.stream.end()
  answer(exchange.stream, 'ok')
  t.notMatch(await exchange.client.untilHas('ok'), /early/)
})

// Tunnels

const upgrade =
  'GET /chat HTTP/1.1\r\nHost: orders\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n'

t.test('101 turns both halves into a tunnel', async t => {
  await using exchange = await asked(upgrade)
  t.equal(exchange.stream.request.upgrade, 'websocket')
  const headers = HeaderList.of({ 'Sec-WebSocket-Accept': 'x' })
  exchange.stream.sendHead(responseHead(101, { headers }), false)
  t.equal(
    await exchange.client.untilHas('\r\n\r\n'),
    'HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  )
  exchange.client.send(get)
  await exchange.seen.until(({ body }) => body === get)
  exchange.stream.write(Buffer.from('\x81\x05hello', 'latin1'))
  t.ok((await exchange.client.untilHas('hello')).endsWith('\r\n\r\n\x81\x05hello'))
  t.equal(exchange.server.requests.length, 1)
})

t.test('bytes behind the wish to upgrade wait for the 101 and are its tunnel’s', async t => {
  await using exchange = await asked(`${upgrade}early`)
  await settled(() => exchange.seen.body.length)
  t.equal(exchange.seen.body, '')
  exchange.stream.sendHead(responseHead(101), false)
  t.equal(exchange.seen.body, '', 'not from within its own call')
  await exchange.seen.until(({ body }) => body === 'early')
  exchange.client.send(' and late')
  await exchange.seen.until(({ body }) => body === 'early and late')
})

t.test('a handler may switch at once', async t => {
  await using server = await serve({
    handle: ({ stream }) => stream.sendHead(responseHead(101), false),
  })
  await using client = await Wire.connect(server.port)
  client.send(`${upgrade}early`)
  const seen = await server.request()
  await seen.until(({ body }) => body === 'early')
  client.send(' and late')
  await seen.until(({ body }) => body === 'early and late')
  t.equal(server.requests.length, 1)
})

t.test('a refused upgrade is an answer like others, and what came behind it a request', async t => {
  await using exchange = await asked(`${upgrade}${get}`)
  answer(exchange.stream, 'no', 403)
  answer((await exchange.server.request(1)).stream, 'next')
  t.match(await exchange.client.untilHas('next'), /403[^]*200/)
})

t.test('both halves of a tunnel end on their own, and nothing is told after both', async t => {
  for (const clientFirst of [true, false]) {
    await using exchange = await asked(upgrade)
    const { client, seen, stream, server } = exchange
    stream.sendHead(responseHead(101), false)
    if (clientFirst) {
      client.send('last')
      client.socket.end()
      await seen.until(({ complete }) => seen.told.includes('end') && complete)
      t.equal(seen.body, 'last')
      stream.write(Buffer.from('answer'))
      stream.end()
      t.match(await client.all(), /answer$/)
    } else {
      stream.end()
      t.equal(await client.ended(), 'fin')
      client.send('last')
      await seen.until(({ body }) => body === 'last')
      stream.pause()
      client.send(' words')
      await settled(() => seen.body.length)
      t.equal(seen.body, 'last', 'the other half still obeys')
      stream.resume()
      await seen.until(({ body }) => body === 'last words')
      client.socket.end()
      await seen.until(() => seen.told.includes('end'))
    }
    const connection = await server.connection()
    await settled(() => connection.active)
    while (connection.active > 0) await turn()
    t.equal(seen.error, undefined)
    t.equal(client.ending, 'fin')
  }
})

t.test('a client that ended before the 101 is told so after its last bytes', async t => {
  await using exchange = await asked(`${upgrade}early`)
  exchange.client.socket.end()
  await settled(() => exchange.seen.told.length)
  exchange.stream.sendHead(responseHead(101), false)
  await exchange.seen.until(({ told }) => told.includes('end'))
  t.strictSame(exchange.seen.told, ['body', 'end'])
})

t.test('a tunnel’s client that resets is told as gone', async t => {
  await using exchange = await asked(upgrade)
  exchange.stream.sendHead(responseHead(101), false)
  await exchange.client.untilHas('\r\n\r\n')
  exchange.client.socket.resetAndDestroy()
  await exchange.seen.until(({ error }) => error !== undefined)
  t.strictSame(exchange.seen.told, ['reset downstream_closed'])
})

t.test('a tunnel that its handler resets delivers nothing more', async t => {
  await using exchange = await asked(`${upgrade}early`)
  exchange.stream.sendHead(responseHead(101), false)
  exchange.stream.reset(new ExchangeError('upstream_reset', 'gone'))
  await exchange.client.ended()
  await turn()
  t.strictSame(exchange.seen.told, [])
})

t.test('a tunnel keeps no more than a bounded number of bytes for a slow handler', async t => {
  await using exchange = await asked(upgrade)
  const { client, seen, stream } = exchange
  stream.sendHead(responseHead(101), false)
  stream.pause()
  const size = 16 * 1024 * 1024
  client.send(Buffer.alloc(size, 'x'))
  const early = await settled(() => seen.body.length)
  t.ok(early <= 64 * 1024, `${early} bytes`)
  stream.resume()
  await seen.until(({ body }) => body.length === size)
})

t.test('a 101 that nobody asked for becomes 502', async t => {
  for (const request of [get, upgrade.replace('WebSocket', 'h2c')]) {
    await using exchange = await asked(request)
    exchange.stream.sendHead(responseHead(101), false)
    t.match(await exchange.client.all(), /^HTTP\/1\.1 502 /)
    t.strictSame(exchange.seen.told, ['reset upstream_protocol'])
  }
})

t.test('a 101 that cannot be written becomes 502', async t => {
  await using exchange = await asked(upgrade)
  exchange.stream.sendHead(responseHead(101, { headers: HeaderList.of({ a: '\n' }) }), false)
  t.match(await exchange.client.all(), /^HTTP\/1\.1 502 /)
  t.strictSame(exchange.seen.told, ['reset upstream_protocol'])
})

const noUpgrade: Record<string, string> = {
  h2c: upgrade.replace('WebSocket', 'h2c'),
  'several protocols': upgrade.replace('WebSocket', 'websocket, h2c'),
  'an Upgrade that Connection does not name': upgrade.replace(', Upgrade', ''),
  'HTTP/1.0': upgrade.replace('HTTP/1.1', 'HTTP/1.0'),
  'another method than GET': upgrade.replace('GET', 'PUT'),
  'a body': upgrade.replace('Host', 'Content-Length: 2\r\nHost').concat('hi'),
}

for (const [name, bytes] of Object.entries(noUpgrade))
  t.test(`B7, B8: ${name} is no wish to upgrade`, async t => {
    await using exchange = await asked(bytes)
    t.equal(exchange.stream.request.upgrade, undefined)
    t.notOk(exchange.stream.request.headers.has('upgrade'))
  })
