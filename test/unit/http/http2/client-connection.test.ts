// Both of our sides, talking to each other.
import t from 'tap'
import { ExchangeError } from '../../../../src/base/errors.ts'
import { HeaderList } from '../../../../src/http/headers.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'
import { unknownLength } from '../../../../src/http/message.ts'
import type { RequestHead } from '../../../../src/http/message.ts'
import type { ServerStream } from '../../../../src/http/stream.ts'
import { echo, ignore } from '../../../support/handlers.ts'
import { requestHead, responseHead } from '../../../support/requests.ts'
import { Collector, connect, serve } from './exchange.ts'

function fields(...pairs: readonly (readonly [string, string])[]): HeaderList {
  const list = new HeaderList()
  for (const [name, value] of pairs) list.append(name, value)
  return list
}

/** Sends a request with these fields. @returns those that the handler saw, and the head of its answer. */
async function cross(headers: HeaderList) {
  let seen: HeaderList | undefined
  await using server = await serve(stream => {
    seen = stream.request.headers
    echo(stream)
  })
  await using client = await connect(server.port)
  const receiver = new Collector()
  client.connection.request(requestHead({ headers }), receiver, true)
  await receiver.done
  return { seen, answer: receiver.head }
}

t.test('a request crosses with order, duplicates and case of its fields', async t => {
  let seen: RequestHead | undefined
  const answer = fields(['Set-Cookie', 'a=1'], ['X-B', '2'], ['Set-Cookie', 'b=2'], ['eTag', '"x"'])
  await using server = await serve(stream => {
    seen = stream.request
    stream.sendHead(responseHead(200, { headers: answer }), true)
  })
  await using client = await connect(server.port)
  const headers = fields(['User-Agent', 'me'], ['X-Dup', '1'], ['accept', '*/*'], ['x-DUP', '2'])
  for (let i = 0; i < 3; i++) {
    const receiver = new Collector()
    const head = requestHead({ path: '/a?b=%20', headers, acceptsTrailers: true })
    client.connection.request(head, receiver, true)
    await receiver.done
    t.strictSame(seen, { ...head, version: '2' })
    t.strictSame(receiver.head?.headers, answer)
  }
  t.equal(client.connection.served, 3)
})

t.test('lower-case fields cross without any spelling', async t => {
  const { seen } = await cross(fields(['accept', '*/*']))
  t.strictSame(seen, fields(['accept', '*/*']))
  t.equal(seen?.rawNames, undefined)
})

t.test('a spelling that an application made up is dropped with the private field', async t => {
  const { seen } = await cross(fields(['weft-header-case', 'Accept,Evil'], ['accept', '*/*']))
  t.strictSame(seen, fields(['accept', '*/*']))
})

for (const size of [1, 1000, 16_384, 100_000, 3_000_000])
  for (const bodyLength of [size, unknownLength])
    t.test(`a body of ${size} bytes (announced: ${bodyLength}) comes back whole`, async t => {
      await using server = await serve(echo)
      await using client = await connect(server.port)
      const body = Buffer.alloc(size, 'abcdefghi')
      const receiver = new Collector()
      const trailers = fields(['grpc-status', '0'])
      const head = requestHead({ method: 'POST', bodyLength })
      const stream = client.connection.request(head, receiver, false)
      stream.write(body)
      stream.end(bodyLength === unknownLength ? trailers : undefined)
      await receiver.done
      t.equal(receiver.error, undefined)
      t.equal(receiver.head?.bodyLength, bodyLength)
      t.ok(receiver.body.equals(body))
      t.strictSame(receiver.trailers, bodyLength === unknownLength ? trailers : undefined)
      t.equal(client.connection.active, 0)
    })

t.test('write returns false above the high-water mark and onWritable tells of room', async t => {
  let held: ServerStream | undefined
  let received = 0
  await using server = await serve(stream => {
    held = stream
    stream.receiver = {
      ...ignore,
      onBody(chunk) {
        received += chunk.length
      },
      onEnd: () => stream.sendHead(responseHead(200), true),
    }
    stream.pause()
  })
  await using client = await connect(server.port)
  const receiver = new Collector()
  const head = requestHead({ method: 'PUT', bodyLength: unknownLength })
  const stream = client.connection.request(head, receiver, false)
  const chunk = Buffer.alloc(64 * 1024)
  let sent = 0
  const writable = new Promise<void>(resolve => {
    receiver.writable = resolve
  })
  const pour = async () => {
    while (stream.write(chunk)) {
      sent += chunk.length
      await new Promise(setImmediate)
    }
    sent += chunk.length
  }
  await pour()
  // What is under way never exceeds window plus queue, however long the reader sleeps.
  t.ok(received <= defaultLimits.streamWindowBytes)
  t.ok(sent <= defaultLimits.streamWindowBytes + defaultLimits.highWaterBytes + chunk.length)
  held?.resume()
  await writable
  stream.end()
  await receiver.done
  t.equal(received, sent)
})

t.test('stalled streams do not hold up the others', async t => {
  let received = 0
  await using server = await serve(stream => {
    if (stream.request.path === '/free') return echo(stream)
    stream.receiver = {
      ...ignore,
      onBody(chunk) {
        received += chunk.length
      },
    }
    stream.pause()
  })
  await using client = await connect(server.port)
  const upload = { method: 'PUT', bodyLength: unknownLength }
  const chunk = Buffer.alloc(defaultLimits.highWaterBytes)
  let sent = 0
  // Together they exceed what the connection's window would hold without being refilled.
  for (let i = 0; i < 150; i++) {
    const head = requestHead({ ...upload, path: '/stalled' })
    client.connection.request(head, new Collector(), false).write(chunk)
    sent += chunk.length
  }
  while (received < sent) await new Promise(setImmediate)
  const receiver = new Collector()
  const free = client.connection.request(requestHead({ ...upload, path: '/free' }), receiver, false)
  free.write(Buffer.from('through'))
  free.end()
  await receiver.done
  t.equal(receiver.body.toString(), 'through')
})

t.test('a small answer overtakes a huge one', async t => {
  const huge = Buffer.alloc(8 * 1024 * 1024)
  await using server = await serve(stream => {
    const body = stream.request.path === '/huge' ? huge : Buffer.from('small')
    stream.receiver = ignore
    stream.sendHead(responseHead(200, { bodyLength: body.length }), false)
    stream.write(body)
    stream.end()
  })
  await using client = await connect(server.port)
  const big = new Collector()
  const small = new Collector()
  client.connection.request(requestHead({ path: '/huge' }), big, true)
  await big.headed
  client.connection.request(requestHead({ path: '/small' }), small, true)
  await small.done
  const before = big.body.length
  t.ok(before < huge.length / 2, `${before} bytes of the huge answer came first`)
  await big.done
  t.equal(big.body.length, huge.length)
})

t.test('an upgrade becomes an extended CONNECT and a tunnel that closes each way', async t => {
  let seen: RequestHead | undefined
  await using server = await serve(stream => {
    seen = stream.request
    stream.receiver = {
      ...ignore,
      onBody: chunk => stream.write(Buffer.from(chunk.toString().toUpperCase())),
      onEnd() {
        stream.write(Buffer.from('bye'))
        stream.end()
      },
    }
    const headers = fields(['sec-websocket-accept', 'x'])
    stream.sendHead(responseHead(101, { headers }), false)
  })
  await using client = await connect(server.port)
  const receiver = new Collector()
  const head = requestHead({ path: '/chat', upgrade: 'websocket' })
  const stream = client.connection.request(head, receiver, true)
  await receiver.headed
  t.strictSame(seen, { ...head, version: '2' })
  t.equal(receiver.head?.status, 101)
  t.equal(receiver.head?.headers.get('sec-websocket-accept'), 'x')
  stream.write(Buffer.from('hello '))
  stream.end()
  await receiver.done
  t.equal(receiver.body.toString(), 'HELLO bye')
  t.equal(client.connection.active, 0)
})

for (const status of [200, 403])
  t.test(`an upgrade answered with ${status} is an answer, not a tunnel`, async t => {
    await using server = await serve(stream => {
      stream.receiver = ignore
      stream.sendHead(responseHead(status, { bodyLength: 2 }), false)
      stream.write(Buffer.from('no'))
      stream.end()
    })
    await using client = await connect(server.port)
    const receiver = new Collector()
    client.connection.request(requestHead({ upgrade: 'websocket' }), receiver, true)
    await receiver.done
    t.equal(receiver.head?.status, status)
    t.equal(receiver.head?.headers.length, 0)
    t.equal(receiver.body.toString(), 'no')
    t.equal(client.connection.active, 0)
  })

t.test('CONNECT opens a tunnel', async t => {
  await using server = await serve(stream => {
    stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
    stream.receiver = { ...ignore, onBody: chunk => stream.write(chunk), onEnd: () => stream.end() }
  })
  await using client = await connect(server.port)
  const receiver = new Collector()
  const head = requestHead({
    method: 'CONNECT',
    authority: 'db:5432',
    path: '',
    bodyLength: unknownLength,
  })
  const stream = client.connection.request(head, receiver, false)
  await receiver.headed
  stream.write(Buffer.from('bytes'))
  stream.end()
  await receiver.done
  t.equal(receiver.body.toString(), 'bytes')
})

t.test('a handler that breaks its content-length resets the stream on both sides', async t => {
  const told: string[] = []
  await using server = await serve(stream => {
    stream.receiver = { ...ignore, onReset: error => told.push(error.code) }
    stream.sendHead(responseHead(200, { bodyLength: 5 }), false)
    stream.write(Buffer.from('abc'))
    if (stream.request.path === '/long') stream.write(Buffer.from('defg'))
    stream.end()
  })
  await using client = await connect(server.port)
  for (const path of ['/short', '/long']) {
    const receiver = new Collector()
    client.connection.request(requestHead({ path }), receiver, true)
    await receiver.done
    t.equal(receiver.error?.code, 'upstream_reset')
  }
  t.strictSame(told, ['upstream_protocol', 'upstream_protocol'])
})

t.test('a refusal by the handler is told as one', async t => {
  await using server = await serve(stream => stream.reset(new ExchangeError('draining', 'full')))
  await using client = await connect(server.port)
  const receiver = new Collector()
  client.connection.request(requestHead(), receiver, true)
  await receiver.done
  t.equal(receiver.error?.code, 'upstream_refused')
})

t.test('the server drains: in-flight requests finish, then the connection closes', async t => {
  const streams: ServerStream[] = []
  const opened = new Promise<void>(resolve => {
    streams.push = (...items) => {
      resolve()
      return Array.prototype.push.apply(streams, items)
    }
  })
  await using server = await serve(stream => {
    stream.receiver = ignore
    streams.push(stream)
  })
  await using client = await connect(server.port)
  const receiver = new Collector()
  client.connection.request(requestHead(), receiver, true)
  await opened
  server.connections[0]?.drain()
  while (!client.told.includes('retired')) await new Promise(setImmediate)
  t.equal(client.connection.capacity, 0)
  t.equal(receiver.error, undefined)
  streams[0]?.sendHead(responseHead(200), true)
  await receiver.done
  t.equal(receiver.head?.status, 200)
  await client.closed
  t.strictSame(client.told, ['capacity', 'retired', 'closed'])
})

t.test('the client drains: nothing new, then it closes', async t => {
  await using server = await serve(echo)
  await using client = await connect(server.port)
  const receiver = new Collector()
  client.connection.request(requestHead(), receiver, true)
  client.connection.drain()
  const late = new Collector()
  client.connection.request(requestHead(), late, true)
  await late.done
  t.equal(late.error?.code, 'upstream_refused')
  await receiver.done
  t.equal(receiver.head?.status, 200)
  await client.closed
})

t.test('a dead peer is found by PING', async t => {
  const keepAlive = { pingAfterMs: 1000, pingTimeoutMs: 500 }
  await using server = await serve(stream => {
    stream.receiver = ignore
  })
  await using client = await connect(server.port, { keepAlive })
  const receiver = new Collector()
  client.connection.request(requestHead(), receiver, true)
  client.connection.sweep(0)
  client.connection.sweep(900)
  client.connection.sweep(1000)
  t.equal(receiver.error, undefined)
  client.connection.sweep(1499)
  t.equal(receiver.error, undefined)
  client.connection.sweep(1500)
  t.equal(receiver.error?.code, 'upstream_reset')
  t.equal(client.connection.closed, true)
})

t.test('a living peer answers the PING and is kept', async t => {
  const keepAlive = { pingAfterMs: 1000, pingTimeoutMs: 500 }
  await using server = await serve(stream => {
    stream.receiver = ignore
  })
  await using client = await connect(server.port, { keepAlive })
  client.connection.request(requestHead(), new Collector(), true)
  client.connection.sweep(0)
  client.connection.sweep(1000)
  const bytes = client.socket.bytesRead
  while (client.socket.bytesRead === bytes) await new Promise(setImmediate)
  client.connection.sweep(1500)
  t.equal(client.connection.closed, false)
})

t.test('an idle connection says good-bye, an idle stream is reset', async t => {
  const limits = { ...defaultLimits, idleTimeoutMs: 5000 }
  const keepAlive = { pingAfterMs: 100_000, pingTimeoutMs: 500 }
  await using server = await serve(stream => {
    stream.receiver = ignore
  })
  await using client = await connect(server.port, { limits, keepAlive })
  const receiver = new Collector()
  client.connection.request(requestHead(), receiver, true)
  client.connection.sweep(0)
  client.connection.sweep(4999)
  t.equal(receiver.error, undefined)
  client.connection.sweep(5000)
  t.equal(receiver.error?.code, 'upstream_timeout')
  client.connection.sweep(10_000)
  await client.closed
  t.ok(client.told.includes('retired'))
})

t.test('heads larger than a frame cross in CONTINUATION', async t => {
  const names = ['a', 'b', 'c', 'd'].map(n => [`x-${n}`, n.repeat(15_000)] as const)
  const { seen, answer } = await cross(fields(...names))
  t.equal(answer?.status, 200)
  t.strictSame(seen, fields(...names))
})
