// What a client does wrong costs it the stream, or the connection where nothing on it can be trusted any more.
import net from 'node:net'
import t from 'tap'
import { errorCode, flag, frameType, settingId } from '../../src/http/http2/protocol.ts'
import { defaultLimits } from '../../src/http/limits.ts'
import { echo, ignore } from '../support/handlers.ts'
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

/** RFC 9113 §8.1.1: malformed requests cost their stream, and no handler sees them. */
const malformed: Record<string, Pair[]> = {
  'no :method': get.filter(([name]) => name !== ':method'),
  'no :scheme': get.filter(([name]) => name !== ':scheme'),
  'no :path': get.filter(([name]) => name !== ':path'),
  'no authority at all': get.filter(([name]) => name !== ':authority'),
  'an empty :path': changed([':path', '']),
  'a :path without a slash': changed([':path', 'orders.Service/List']),
  'a :path with a space': changed([':path', '/a b']),
  'a :path with a fragment': changed([':path', '/a#b']),
  'an asterisk for GET': changed([':path', '*']),
  'a :method with a space': changed([':method', 'GET /']),
  'an empty :method': changed([':method', '']),
  'an unknown scheme': changed([':scheme', 'ftp']),
  'a doubled :method': [...get, [':method', 'GET']],
  'a doubled :path': [...get, [':path', '/admin']],
  'an unknown pseudo-header': [...get, [':colour', 'red']],
  'a response pseudo-header': [...get, [':status', '200']],
  'a late pseudo-header': [
    [':method', 'GET'],
    [':scheme', 'http'],
    ['accept', '*/*'],
    [':authority', 'orders'],
    [':path', '/'],
  ],
  'a host other than :authority': changed(['host', 'payments']),
  'two hosts': [...get.filter(([name]) => name !== ':authority'), ['host', 'a'], ['host', 'b']],
  'user information in :authority': changed([':authority', 'me@orders']),
  'a path in :authority': changed([':authority', 'orders/admin']),
  'an upper-case name': changed(['X-Name', 'a']),
  'an empty name': changed(['', 'a']),
  'a name with a space': changed(['x name', 'a']),
  'a name with a colon': changed(['x:name', 'a']),
  'a value with CR LF': changed(['x-a', 'a\r\nhost: b']),
  'a value with LF': changed(['x-a', 'a\nb']),
  'a value with NUL': changed(['x-a', 'a\0b']),
  'a value that begins with a blank': changed(['x-a', ' a']),
  'a value that ends with a tab': changed(['x-a', 'a\t']),
  'CR LF in :path': changed([':path', '/ HTTP/1.1\r\nx: y']),
  connection: changed(['connection', 'close']),
  'proxy-connection': changed(['proxy-connection', 'close']),
  'keep-alive': changed(['keep-alive', 'timeout=1']),
  'transfer-encoding': changed(['transfer-encoding', 'chunked']),
  upgrade: changed(['upgrade', 'h2c']),
  'te other than trailers': changed(['te', 'trailers, deflate']),
  'a signed content-length': changed(['content-length', '+0']),
  'an empty content-length': changed(['content-length', '']),
  'a list as content-length': changed(['content-length', '0, 0']),
  'two content-lengths': changed(['content-length', '0'], ['content-length', '1']),
  'END_STREAM with content-length above 0': changed(['content-length', '5']),
  'CONNECT with :path': changed([':method', 'CONNECT']),
  ':protocol without CONNECT': changed([':protocol', 'websocket']),
}

for (const [name, pairs] of Object.entries(malformed))
  t.test(`a request with ${name} is reset and its connection goes on`, async t => {
    let requests = 0
    const refused: string[] = []
    await using server = await serve(
      stream => {
        requests++
        echo(stream)
      },
      { onRefused: error => refused.push(error.code) },
    )
    await using peer = await RawPeer.client(server.port)
    peer.send(headers(1, pairs), headers(3, get))
    t.equal(await peer.resetCode(1), errorCode.protocolError)
    t.strictSame(await peer.head(3), [
      [':status', '200'],
      ['content-length', '0'],
    ])
    t.equal(requests, 1)
    t.strictSame(refused, ['bad_request'])
  })

t.test('a stream that depends on itself is reset, and its fields stay in the table', async t => {
  await using server = await serve(echo)
  await using peer = await RawPeer.client(server.port)
  const fields = block(changed(['x-a', 'b']))
  const onItself = (id: number): Buffer => Buffer.concat([word(id), Buffer.alloc(1), fields])
  const { endHeaders, endStream, priority } = flag
  peer.send(frame(frameType.headers, endHeaders | endStream | priority, 1, onItself(1)))
  t.equal(await peer.resetCode(1), errorCode.protocolError)
  peer.send(
    frame(frameType.headers, endStream | priority, 3, onItself(3).subarray(0, 20)),
    frame(frameType.continuation, endHeaders, 3, onItself(3).subarray(20)),
  )
  t.equal(await peer.resetCode(3), errorCode.protocolError)
  peer.send(headers(5, changed([':method', 'POST']), false))
  peer.send(frame(frameType.priority, 0, 5, Buffer.concat([word(5), Buffer.alloc(1)])))
  t.equal(await peer.resetCode(5), errorCode.protocolError)
  peer.send(headers(7, get))
  t.same((await peer.head(7))[0], [':status', '200'])
})

/** Faults after which nothing on the connection can be trusted: GOAWAY with this code. */
const fatal: Record<string, { bytes: Buffer[]; code: number }> = {
  'DATA on stream 0': { bytes: [data(0, 'x')], code: errorCode.protocolError },
  'DATA on an idle stream': { bytes: [data(1, 'x')], code: errorCode.protocolError },
  'HEADERS on stream 0': { bytes: [headers(0, get)], code: errorCode.protocolError },
  'HEADERS on an even stream': { bytes: [headers(2, get)], code: errorCode.protocolError },
  'HEADERS on a lower stream': {
    bytes: [headers(5, get), headers(3, get)],
    code: errorCode.streamClosed,
  },
  'RST_STREAM on an idle stream': {
    bytes: [frame(frameType.rstStream, 0, 1, word(8))],
    code: errorCode.protocolError,
  },
  'RST_STREAM of 3 bytes': {
    bytes: [headers(1, get), frame(frameType.rstStream, 0, 1, Buffer.alloc(3))],
    code: errorCode.frameSizeError,
  },
  'RST_STREAM on stream 0': {
    bytes: [frame(frameType.rstStream, 0, 0, word(8))],
    code: errorCode.protocolError,
  },
  'SETTINGS on a stream': {
    bytes: [frame(frameType.settings, 0, 1)],
    code: errorCode.protocolError,
  },
  'SETTINGS of 7 bytes': {
    bytes: [frame(frameType.settings, 0, 0, Buffer.alloc(7))],
    code: errorCode.frameSizeError,
  },
  'a SETTINGS acknowledgement with a payload': {
    bytes: [frame(frameType.settings, flag.ack, 0, Buffer.alloc(6))],
    code: errorCode.frameSizeError,
  },
  'ENABLE_PUSH 2': {
    bytes: [settings([settingId.enablePush, 2])],
    code: errorCode.protocolError,
  },
  'an initial window of 2^31': {
    bytes: [settings([settingId.initialWindowSize, 2 ** 31])],
    code: errorCode.flowControlError,
  },
  'MAX_FRAME_SIZE 16383': {
    bytes: [settings([settingId.maxFrameSize, 16_383])],
    code: errorCode.protocolError,
  },
  'MAX_FRAME_SIZE 2^24': {
    bytes: [settings([settingId.maxFrameSize, 2 ** 24])],
    code: errorCode.protocolError,
  },
  'extended CONNECT taken back': {
    bytes: [
      settings([settingId.enableConnectProtocol, 1]),
      settings([settingId.enableConnectProtocol, 0]),
    ],
    code: errorCode.protocolError,
  },
  'PING on a stream': {
    bytes: [frame(frameType.ping, 0, 1, Buffer.alloc(8))],
    code: errorCode.protocolError,
  },
  'PING of 7 bytes': {
    bytes: [frame(frameType.ping, 0, 0, Buffer.alloc(7))],
    code: errorCode.frameSizeError,
  },
  'GOAWAY on a stream': {
    bytes: [frame(frameType.goaway, 0, 1, word(0, 0))],
    code: errorCode.protocolError,
  },
  'GOAWAY of 4 bytes': {
    bytes: [frame(frameType.goaway, 0, 0, word(0))],
    code: errorCode.frameSizeError,
  },
  'PRIORITY on stream 0': {
    bytes: [frame(frameType.priority, 0, 0, Buffer.alloc(5))],
    code: errorCode.protocolError,
  },
  'PRIORITY of an idle stream that depends on itself': {
    bytes: [frame(frameType.priority, 0, 1, Buffer.concat([word(1), Buffer.alloc(1)]))],
    code: errorCode.protocolError,
  },
  'PRIORITY of 4 bytes': {
    bytes: [frame(frameType.priority, 0, 1, Buffer.alloc(4))],
    code: errorCode.frameSizeError,
  },
  PUSH_PROMISE: {
    bytes: [headers(1, get, false), frame(frameType.pushPromise, 4, 1, word(2))],
    code: errorCode.protocolError,
  },
  'WINDOW_UPDATE of 3 bytes': {
    bytes: [frame(frameType.windowUpdate, 0, 0, Buffer.alloc(3))],
    code: errorCode.frameSizeError,
  },
  'WINDOW_UPDATE by 0 on the connection': {
    bytes: [frame(frameType.windowUpdate, 0, 0, word(0))],
    code: errorCode.protocolError,
  },
  'WINDOW_UPDATE on an idle stream': {
    bytes: [frame(frameType.windowUpdate, 0, 1, word(1))],
    code: errorCode.protocolError,
  },
  'an overflow of the connection window': {
    bytes: [frame(frameType.windowUpdate, 0, 0, word(2 ** 31 - 1))],
    code: errorCode.flowControlError,
  },
  'CONTINUATION without HEADERS': {
    bytes: [frame(frameType.continuation, 4, 1, block(get))],
    code: errorCode.protocolError,
  },
  'a frame between HEADERS and CONTINUATION': {
    bytes: [
      frame(frameType.headers, 1, 1, block(get)),
      frame(frameType.ping, 0, 0, Buffer.alloc(8)),
    ],
    code: errorCode.protocolError,
  },
  'CONTINUATION of another stream': {
    bytes: [frame(frameType.headers, 1, 1, block(get)), frame(frameType.continuation, 4, 3)],
    code: errorCode.protocolError,
  },
  'padding longer than DATA': {
    bytes: [headers(1, get, false), frame(frameType.data, flag.padded, 1, Buffer.from([5, 0]))],
    code: errorCode.protocolError,
  },
  'padding longer than HEADERS': {
    bytes: [frame(frameType.headers, flag.padded | 5, 1, Buffer.from([9, 0]))],
    code: errorCode.protocolError,
  },
  'a broken header block': {
    bytes: [frame(frameType.headers, 5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))],
    code: errorCode.compressionError,
  },
  'a frame above MAX_FRAME_SIZE': {
    bytes: [headers(1, get, false), frame(frameType.data, 0, 1, Buffer.alloc(65_537))],
    code: errorCode.frameSizeError,
  },
}

for (const [name, { bytes, code }] of Object.entries(fatal))
  t.test(`${name} ends the connection`, async t => {
    await using server = await serve(stream => {
      stream.receiver = ignore
    })
    await using peer = await RawPeer.client(server.port)
    peer.send(...bytes)
    t.equal(await peer.goawayCode(), code)
    await peer.closed()
  })

t.test('anything but a preface ends the connection', async t => {
  await using server = await serve(echo)
  await using peer = new RawPeer(net.connect(server.port, '127.0.0.1'))
  peer.send(Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'))
  t.equal(await peer.goawayCode(), errorCode.protocolError)
})

t.test('a frame before SETTINGS ends the connection', async t => {
  await using server = await serve(echo)
  await using peer = new RawPeer(net.connect(server.port, '127.0.0.1'))
  peer.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), headers(1, get))
  t.equal(await peer.goawayCode(), errorCode.protocolError)
})

/** Faults inside an open stream: RST_STREAM with this code, and the handler hears of it. */
const onStream: Record<string, { bytes: Buffer[]; code: number }> = {
  'DATA after END_STREAM': {
    bytes: [headers(1, get), data(1, 'x')],
    code: errorCode.streamClosed,
  },
  'HEADERS after END_STREAM': {
    bytes: [headers(1, get), headers(1, [['a', 'b']])],
    code: errorCode.streamClosed,
  },
  'trailers without END_STREAM': {
    bytes: [headers(1, get, false), headers(1, [['a', 'b']], false)],
    code: errorCode.protocolError,
  },
  'a pseudo-header among trailers': {
    bytes: [headers(1, get, false), headers(1, [[':path', '/']])],
    code: errorCode.protocolError,
  },
  'CR LF in a trailer': {
    bytes: [headers(1, get, false), headers(1, [['a', 'b\r\nc: d']])],
    code: errorCode.protocolError,
  },
  'more DATA than content-length': {
    bytes: [headers(1, changed(['content-length', '3']), false), data(1, 'abcd')],
    code: errorCode.protocolError,
  },
  'less DATA than content-length': {
    bytes: [headers(1, changed(['content-length', '3']), false), data(1, 'ab', true)],
    code: errorCode.protocolError,
  },
  'less DATA than content-length before trailers': {
    bytes: [headers(1, changed(['content-length', '3']), false), headers(1, [['a', 'b']])],
    code: errorCode.protocolError,
  },
  'WINDOW_UPDATE by 0': {
    bytes: [headers(1, get), frame(frameType.windowUpdate, 0, 1, word(0))],
    code: errorCode.protocolError,
  },
  'an overflow of the stream window': {
    bytes: [headers(1, get), frame(frameType.windowUpdate, 0, 1, word(2 ** 31 - 1))],
    code: errorCode.flowControlError,
  },
}

for (const [name, { bytes, code }] of Object.entries(onStream))
  t.test(`${name} costs the stream`, async t => {
    const errors: string[] = []
    await using server = await serve(stream => {
      stream.receiver = {
        onBody() {},
        onEnd() {},
        onReset: error => errors.push(error.code),
        onWritable() {},
      }
    })
    await using peer = await RawPeer.client(server.port)
    peer.send(...bytes)
    t.equal(await peer.resetCode(1), code)
    t.strictSame(errors, ['bad_request'])
    peer.send(frame(frameType.ping, 0, 0, Buffer.alloc(8)))
    t.ok(await peer.nextOf(frameType.ping))
  })

t.test('an overflow of a stream window by SETTINGS costs the stream', async t => {
  await using server = await serve(stream => {
    stream.receiver = ignore
  })
  await using peer = await RawPeer.client(server.port)
  peer.send(
    headers(1, get),
    frame(frameType.windowUpdate, 0, 1, word(100)),
    settings([settingId.initialWindowSize, 2 ** 31 - 1]),
  )
  t.equal(await peer.resetCode(1), errorCode.flowControlError)
})

t.test('DATA beyond the stream window costs the stream', async t => {
  const limits = { ...defaultLimits, streamWindowBytes: 65_535 }
  await using server = await serve(
    stream => {
      stream.receiver = ignore
      stream.pause()
    },
    { limits },
  )
  await using peer = await RawPeer.client(server.port)
  const piece = Buffer.alloc(16_384)
  peer.send(headers(1, get, false), data(1, piece), data(1, piece), data(1, piece), data(1, piece))
  t.equal(await peer.resetCode(1), errorCode.flowControlError)
})
