// What a server does for clients that do nothing wrong, or nothing but be late.
import t from 'tap'
import { errorCode, flag, frameType, settingId } from '../../src/http/http2/protocol.ts'
import { defaultLimits } from '../../src/http/limits.ts'
import { unknownLength } from '../../src/http/message.ts'
import type { ServerStream } from '../../src/http/stream.ts'
import { echo, ignore } from '../support/handlers.ts'
import { responseHead } from '../support/requests.ts'
import { serve } from '../unit/http/http2/exchange.ts'
import {
  RawPeer,
  block,
  changed,
  data,
  frame,
  get,
  headers,
  settings,
  word,
} from '../unit/http/http2/raw-peer.ts'
import type { Pair } from '../unit/http/http2/raw-peer.ts'

t.test('what crosses our reset of a stream is ignored', async t => {
  await using server = await serve(echo)
  await using peer = await RawPeer.client(server.port)
  peer.send(
    headers(1, changed([':path', 'x']), false),
    data(1, 'late'),
    headers(1, [['late', 'trailer']]),
    headers(3, get),
  )
  t.equal(await peer.resetCode(1), errorCode.protocolError)
  t.same((await peer.head(3))[0], [':status', '200'])
  t.notOk(peer.frames.some(frame => frame.type === frameType.goaway))
})

t.test('DATA on a stream that ended is answered with STREAM_CLOSED, once', async t => {
  await using server = await serve(echo)
  await using peer = await RawPeer.client(server.port)
  peer.send(headers(1, get))
  await peer.head(1)
  peer.send(data(1, 'x'), data(1, 'y'), frame(frameType.ping, 0, 0, Buffer.alloc(8)))
  t.equal(await peer.resetCode(1), errorCode.streamClosed)
  await peer.nextOf(frameType.ping)
  t.notOk(peer.frames.some(frame => frame.type === frameType.rstStream))
})

t.test('unknown frames, settings and flags are ignored', async t => {
  await using server = await serve(echo)
  await using peer = await RawPeer.client(server.port, [0xabcd, 7])
  peer.send(
    frame(0x42, 0xff, 0, Buffer.alloc(500)),
    frame(0x42, 0xff, 1, Buffer.alloc(0)),
    frame(frameType.headers, 0xd5, 1, block(get)),
  )
  t.same((await peer.head(1))[0], [':status', '200'])
})

t.test('padding and priority are stripped', async t => {
  await using server = await serve(echo)
  await using peer = await RawPeer.client(server.port)
  const padded = Buffer.concat([
    Buffer.from([3]),
    word(0),
    Buffer.from([16]),
    block(changed([':method', 'POST'])),
    Buffer.alloc(3),
  ])
  peer.send(
    frame(frameType.headers, flag.endHeaders | flag.padded | flag.priority, 1, padded),
    frame(frameType.data, flag.padded, 1, Buffer.from('\x04abc\0\0\0\0')),
    frame(frameType.data, flag.padded | flag.endStream, 1, Buffer.from('\x00def')),
  )
  const body = [await peer.nextOf(frameType.data, 1), await peer.nextOf(frameType.data, 1)]
  t.equal(Buffer.concat(body.map(f => f?.payload ?? Buffer.alloc(0))).toString(), 'abcdef')
})

t.test('a head in many CONTINUATION frames arrives whole', async t => {
  let seen: ServerStream | undefined
  await using server = await serve(stream => {
    seen = stream
    echo(stream)
  })
  await using peer = await RawPeer.client(server.port)
  const whole = block(changed(['x-a', 'b'.repeat(100)]))
  const cut = [whole.subarray(0, 20), whole.subarray(20, 21), whole.subarray(21)]
  peer.send(
    frame(frameType.headers, flag.endStream, 1, cut[0]),
    frame(frameType.continuation, 0, 1, cut[1]),
    frame(frameType.continuation, flag.endHeaders, 1, cut[2]),
  )
  t.same((await peer.head(1))[0], [':status', '200'])
  t.equal(seen?.request.headers.get('x-a'), 'b'.repeat(100))
})

t.test('PING is answered with its own bytes', async t => {
  await using server = await serve(echo)
  await using peer = await RawPeer.client(server.port)
  peer.send(frame(frameType.ping, 0, 0, Buffer.from('12345678')))
  const pong = await peer.nextOf(frameType.ping)
  t.equal(pong?.flags, flag.ack)
  t.equal(pong?.payload.toString(), '12345678')
})

t.test('streams above the announced limit are refused', async t => {
  const limits = { ...defaultLimits, maxConcurrentStreams: 2 }
  const refused: string[] = []
  await using server = await serve(
    stream => {
      stream.receiver = ignore
    },
    { limits, onRefused: error => refused.push(error.code) },
  )
  await using peer = await RawPeer.client(server.port)
  peer.send(headers(1, get), headers(3, get), headers(5, get))
  t.equal(await peer.resetCode(5), errorCode.refusedStream)
  t.strictSame(refused, ['overloaded'])
})

t.test('a complete answer to a request that still comes asks the client to stop', async t => {
  await using server = await serve(stream => {
    stream.sendHead(responseHead(413), true)
  })
  await using peer = await RawPeer.client(server.port)
  peer.send(headers(1, changed([':method', 'POST']), false))
  t.same((await peer.head(1))[0], [':status', '413'])
  t.equal(await peer.resetCode(1), errorCode.noError)
})

const tooMuch: Record<string, { pairs: Pair[]; code: string }> = {
  'more fields than the limit': {
    pairs: changed(...Array.from({ length: 101 }, (_, i): Pair => [`x-${i}`, 'a'])),
    code: 'headers_too_large',
  },
  'a list above the limit': {
    pairs: changed(...Array.from({ length: 90 }, (_, i): Pair => [`x-${i}`, 'a'.repeat(20)])),
    code: 'headers_too_large',
  },
  'a field above the limit': {
    pairs: changed(['x-a', 'a'.repeat(2001)]),
    code: 'headers_too_large',
  },
  'a path above the limit': {
    pairs: changed([':path', `/${'a'.repeat(2001)}`]),
    code: 'uri_too_long',
  },
  'an unknown expectation': { pairs: changed(['expect', 'tea']), code: 'expectation_failed' },
}

for (const [name, { pairs, code }] of Object.entries(tooMuch))
  t.test(`a request with ${name} is refused and counted`, async t => {
    const refused: string[] = []
    await using server = await serve(echo, {
      limits: { ...defaultLimits, maxHeadBytes: 4096, maxLineBytes: 2000 },
      onRefused: error => refused.push(error.code),
    })
    await using peer = await RawPeer.client(server.port)
    peer.send(headers(1, pairs), headers(3, get))
    t.ok(await peer.resetCode(1))
    t.same((await peer.head(3))[0], [':status', '200'])
    t.strictSame(refused, [code])
  })

t.test('what crosses the last GOAWAY is refused and disturbs nobody', async t => {
  const streams: ServerStream[] = []
  await using server = await serve(stream => {
    stream.receiver = ignore
    streams.push(stream)
  })
  await using peer = await RawPeer.client(server.port)
  peer.send(headers(1, get))
  while (streams.length === 0) await new Promise(setImmediate)
  server.connections[0]?.drain()
  const announced = await peer.nextOf(frameType.goaway)
  t.equal(announced?.payload.readUInt32BE(0), 2 ** 31 - 1)
  peer.send(headers(3, get))
  while (streams.length === 1) await new Promise(setImmediate)
  const ping = await peer.nextOf(frameType.ping)
  peer.send(frame(frameType.ping, flag.ack, 0, ping?.payload))
  const last = await peer.nextOf(frameType.goaway)
  t.equal(last?.payload.readUInt32BE(0), 3)
  peer.send(headers(5, get, false), data(5, 'late', true))
  t.equal(await peer.resetCode(5), errorCode.refusedStream)
  for (const stream of streams) stream.sendHead(responseHead(204), true)
  t.same(await peer.head(1), [[':status', '204']])
  t.same(await peer.head(3), [[':status', '204']])
  await peer.closed()
})

t.test('content-length 0 without END_STREAM is a request without body', async t => {
  const told: string[] = []
  await using server = await serve(stream => {
    t.equal(stream.request.bodyLength, 0)
    stream.receiver = {
      onBody: () => told.push('body'),
      onEnd: () => told.push('end'),
      onReset: () => told.push('reset'),
      onWritable() {},
    }
    stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
  })
  await using peer = await RawPeer.client(server.port)
  peer.send(headers(1, changed(['content-length', '0']), false), data(1, '', true))
  peer.send(frame(frameType.ping, 0, 0, Buffer.alloc(8)))
  await peer.nextOf(frameType.ping)
  t.strictSame(told, [])
  t.equal(server.connections[0]?.active, 1)
})

t.test('a foreign client never gets private fields', async t => {
  await using server = await serve(stream => {
    const head = responseHead(200)
    head.headers.append('X-Mixed', 'a')
    stream.sendHead(head, true)
  })
  await using peer = await RawPeer.client(server.port)
  const spelled = changed(['accept', 'a'], ['weft-header-case', 'ACCEPT'])
  peer.send(headers(1, spelled))
  t.strictSame(await peer.head(1), [
    [':status', '200'],
    ['x-mixed', 'a'],
    ['content-length', '0'],
  ])
})

t.test('an upgrade that a foreign client would take for accepted is reset', async t => {
  await using server = await serve(stream => {
    stream.receiver = ignore
    stream.sendHead(responseHead(200), true)
  })
  await using peer = await RawPeer.client(server.port)
  peer.send(headers(1, changed([':method', 'CONNECT'], [':protocol', 'websocket']), false))
  t.equal(await peer.resetCode(1), errorCode.internalError)
})

t.test('DATA before the protocol was switched costs the stream', async t => {
  await using server = await serve(stream => {
    stream.receiver = {
      onBody: () => t.fail('early bytes'),
      onEnd() {},
      onReset() {},
      onWritable() {},
    }
  })
  await using peer = await RawPeer.client(server.port)
  peer.send(
    headers(1, changed([':method', 'CONNECT'], [':protocol', 'websocket']), false),
    data(1, 'early'),
  )
  t.equal(await peer.resetCode(1), errorCode.protocolError)
})

const connect: Pair[] = [
  [':method', 'CONNECT'],
  [':authority', 'orders:5432'],
]

t.test('a CONNECT is a tunnel after 2xx, each half of which ends on its own', async t => {
  await using server = await serve(stream => {
    let heard = ''
    stream.receiver = {
      onBody: chunk => void (heard += chunk.toString()),
      onEnd: () => {
        stream.write(Buffer.from(`heard ${heard}`))
        stream.end()
      },
      onReset: () => t.fail('reset'),
      onWritable() {},
    }
    stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
    stream.write(Buffer.from('welcome'))
  })
  await using peer = await RawPeer.client(server.port)
  peer.send(headers(1, connect, false))
  t.strictSame(await peer.head(1), [[':status', '200']])
  t.equal((await peer.nextOf(frameType.data, 1))?.payload.toString(), 'welcome')
  peer.send(data(1, 'a'), frame(frameType.data, flag.endStream, 1, Buffer.from('b')))
  const answer = await peer.nextOf(frameType.data, 1)
  t.equal(answer?.payload.toString(), 'heard ab')
})

t.test('a CONNECT whose head is its end has nothing to say', async t => {
  const ended = Promise.withResolvers<void>()
  await using server = await serve(stream => {
    stream.receiver = { ...ignore, onEnd: () => ended.resolve() }
  })
  await using peer = await RawPeer.client(server.port)
  peer.send(headers(1, connect))
  await ended.promise
  t.pass()
})

t.test('101 without an upgrade is not sent', async t => {
  await using server = await serve(stream => {
    stream.receiver = ignore
    stream.sendHead(responseHead(101), false)
  })
  await using peer = await RawPeer.client(server.port)
  peer.send(headers(1, get))
  t.equal(await peer.resetCode(1), errorCode.internalError)
})

t.test('a window that SETTINGS make negative is refilled before anything is sent', async t => {
  await using server = await serve(stream => {
    stream.receiver = ignore
    stream.sendHead(responseHead(200, { bodyLength: 30 }), false)
    stream.write(Buffer.alloc(30, 'abc'))
    stream.end()
  })
  await using peer = await RawPeer.client(server.port, [settingId.initialWindowSize, 20])
  peer.send(headers(1, get))
  t.equal((await peer.nextOf(frameType.data, 1))?.payload.length, 20)
  peer.send(
    settings([settingId.initialWindowSize, 0]),
    frame(frameType.windowUpdate, 0, 1, word(20)),
    frame(frameType.ping, 0, 0, Buffer.alloc(8)),
  )
  await peer.nextOf(frameType.ping)
  t.notOk(peer.frames.some(frame => frame.type === frameType.data))
  peer.send(frame(frameType.windowUpdate, 0, 1, word(4)))
  t.equal((await peer.nextOf(frameType.data, 1))?.payload.length, 4)
  peer.send(settings([settingId.initialWindowSize, 100]))
  t.equal((await peer.nextOf(frameType.data, 1))?.payload.length, 6)
})

t.test('the connection window holds all streams, and is shared when it grows', async t => {
  await using server = await serve(stream => {
    stream.receiver = ignore
    stream.sendHead(responseHead(200, { bodyLength: 60_000 }), false)
    stream.write(Buffer.alloc(60_000))
    stream.end()
  })
  await using peer = await RawPeer.client(server.port)
  peer.send(headers(1, get), headers(3, get), headers(5, get))
  const received = new Map<number, number>()
  const read = async (total: number) => {
    for (let sum = 0; sum < total;) {
      const piece = await peer.nextOf(frameType.data)
      const { streamId = 0, payload = Buffer.alloc(0) } = piece ?? {}
      sum += payload.length
      received.set(streamId, (received.get(streamId) ?? 0) + payload.length)
    }
  }
  await read(65_535)
  peer.send(frame(frameType.windowUpdate, 0, 0, word(40_000)))
  await read(40_000)
  t.ok((received.get(3) ?? 0) > 0 && (received.get(5) ?? 0) > 0)
  peer.send(frame(frameType.windowUpdate, 0, 0, word(1_000_000)))
  await read(180_000 - 105_535)
  t.strictSame([...received.values()], [60_000, 60_000, 60_000])
})

t.test('streams take turns, however large the frames a peer would take', async t => {
  const size = 1024 * 1024
  await using server = await serve(stream => {
    stream.receiver = ignore
    stream.sendHead(responseHead(200, { bodyLength: size }), false)
    stream.write(Buffer.alloc(size))
    stream.end()
  })
  await using peer = await RawPeer.client(
    server.port,
    [settingId.maxFrameSize, 4 * size],
    [settingId.initialWindowSize, 4 * size],
  )
  peer.send(headers(1, get), headers(3, get))
  const order: number[] = []
  const read = async (total: number) => {
    for (let sum = 0; sum < total;) {
      const piece = await peer.nextOf(frameType.data)
      sum += piece?.payload.length ?? 0
      t.ok((piece?.payload.length ?? 0) <= 32 * 1024)
      order.push(piece?.streamId ?? 0)
    }
  }
  // Both wait for the connection's window when it grows.
  await read(65_535)
  peer.send(frame(frameType.windowUpdate, 0, 0, word(4 * size)))
  await read(2 * size - 65_535)
  const shared = order.slice(3, order.lastIndexOf(1))
  t.ok(shared.length > 40)
  t.ok(shared.every((id, i) => i === 0 || id !== shared[i - 1]))
})

t.test('a connection that is too old gets a GOAWAY, and what is in flight is finished', async t => {
  const clock = { now: 0 }
  const streams: ServerStream[] = []
  await using server = await serve(
    stream => {
      stream.receiver = ignore
      streams.push(stream)
    },
    { now: () => clock.now, maxAgeMs: 5000 },
  )
  await using peer = await RawPeer.client(server.port)
  peer.send(headers(1, get))
  const [connection] = server.connections
  await peer.nextOf(frameType.settings, 0)
  clock.now = 4999
  connection?.sweep(4999)
  t.equal(connection?.closed, false)
  clock.now = 5000
  connection?.sweep(5000)
  t.equal(await peer.goawayCode(), errorCode.noError)
  const ping = await peer.nextOf(frameType.ping, 0)
  peer.send(frame(frameType.ping, flag.ack, 0, ping?.payload))
  peer.send(headers(3, get))
  t.equal(await peer.resetCode(3), errorCode.refusedStream)
  streams[0]?.sendHead(responseHead(200), true)
  t.same((await peer.head(1))[0], [':status', '200'])
})
