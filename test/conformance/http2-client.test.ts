import t from 'tap'
import { ExchangeError } from '../../src/base/errors.ts'
import { HeaderList } from '../../src/http/headers.ts'
import type { Http2ClientOptions } from '../../src/http/http2/client-connection.ts'
import { errorCode, flag, frameType, settingId } from '../../src/http/http2/protocol.ts'
import { defaultLimits } from '../../src/http/limits.ts'
import { unknownLength } from '../../src/http/message.ts'
import { listen } from '../support/listener.ts'
import { requestHead } from '../support/requests.ts'
import { Collector, connect } from '../unit/http/http2/exchange.ts'
import {
  RawPeer,
  data,
  frame,
  headers,
  response,
  settings,
  word,
} from '../unit/http/http2/raw-peer.ts'
import type { Pair } from '../unit/http/http2/raw-peer.ts'

/** A raw server, and a client of ours that it has greeted. */
async function pair(...announced: readonly (readonly [number, number])[]) {
  return pairWith({}, announced)
}

async function pairWith(
  options: Partial<Http2ClientOptions>,
  announced: readonly (readonly [number, number])[] = [],
) {
  let peer: RawPeer | undefined
  const listener = await listen(socket => {
    peer = new RawPeer(socket, true)
    peer.send(settings(...announced))
  })
  const client = await connect(listener.port, options)
  if (peer === undefined) throw new Error('greeted before it was accepted')
  return {
    client,
    peer,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await listener[Symbol.asyncDispose]()
    },
  }
}

/** Malformed answers (RFC 9113 §8.1.1): the receiver hears `upstream_protocol`, the server RST_STREAM. */
const malformed: Record<string, { request?: Parameters<typeof requestHead>[0]; bytes: Buffer[] }> =
  {
    'no :status': { bytes: [headers(1, [['a', 'b']])] },
    'no field at all': { bytes: [headers(1, [])] },
    'a :status of two digits': { bytes: [headers(1, response(20))] },
    'a :status of 600': { bytes: [headers(1, response(600))] },
    'a request pseudo-header': { bytes: [headers(1, response(200, [':path', '/']))] },
    'a late :status': {
      bytes: [
        headers(1, [
          ['a', 'b'],
          [':status', '200'],
        ]),
      ],
    },
    'status 101': { bytes: [headers(1, response(101), false)] },
    'END_STREAM on 103': { bytes: [headers(1, response(103))] },
    connection: { bytes: [headers(1, response(200, ['connection', 'close']))] },
    'transfer-encoding': { bytes: [headers(1, response(200, ['transfer-encoding', 'chunked']))] },
    'LF in a value': { bytes: [headers(1, response(200, ['a', 'b\nc']))] },
    'two content-lengths': {
      bytes: [headers(1, response(200, ['content-length', '1'], ['content-length', '2']), false)],
    },
    'less DATA than content-length': {
      bytes: [headers(1, response(200, ['content-length', '5']), false), data(1, 'abc', true)],
    },
    'more DATA than content-length': {
      bytes: [headers(1, response(200, ['content-length', '2']), false), data(1, 'abc', true)],
    },
    'END_STREAM although content-length announces a body': {
      bytes: [headers(1, response(200, ['content-length', '2']))],
    },
    'DATA before the head': { bytes: [data(1, 'abc')] },
    'END_STREAM before the head': { bytes: [data(1, '', true)] },
    'a body for HEAD': {
      request: { method: 'HEAD' },
      bytes: [headers(1, response(200, ['content-length', '3']), false), data(1, 'abc', true)],
    },
    'a body for 304': { bytes: [headers(1, response(304), false), data(1, 'abc', true)] },
    'a pseudo-header among trailers': {
      bytes: [headers(1, response(200), false), headers(1, response(200))],
    },
  }

for (const [name, { request, bytes }] of Object.entries(malformed))
  t.test(`an answer with ${name} costs its stream`, async t => {
    await using both = await pair()
    const receiver = new Collector()
    both.client.connection.request(requestHead(request), receiver, true)
    await both.peer.nextOf(frameType.headers)
    both.peer.send(...bytes)
    await receiver.done
    t.equal(receiver.error?.code, 'upstream_protocol')
    t.equal(await both.peer.resetCode(1), errorCode.protocolError)
    t.equal(both.client.connection.closed, false)
    t.equal(both.client.connection.active, 0)
  })

/** Faults of the server that end the connection. */
const fatal: Record<string, { bytes: Buffer[]; code: number }> = {
  PUSH_PROMISE: {
    bytes: [frame(frameType.pushPromise, flag.endHeaders, 1, word(2))],
    code: errorCode.protocolError,
  },
  'HEADERS on a stream never opened': {
    bytes: [headers(3, response(200))],
    code: errorCode.protocolError,
  },
  'HEADERS on an even stream': {
    bytes: [headers(2, response(200))],
    code: errorCode.protocolError,
  },
  'ENABLE_PUSH 2': {
    bytes: [settings([settingId.enablePush, 2])],
    code: errorCode.protocolError,
  },
  'a flood of ALTSVC': { bytes: flood(0x0a), code: errorCode.enhanceYourCalm },
  'a flood of ORIGIN': { bytes: flood(0x0c), code: errorCode.enhanceYourCalm },
}

function flood(type: number): Buffer[] {
  return Array.from({ length: 12_000 }, () => frame(type, 0, 0))
}

for (const [name, { bytes, code }] of Object.entries(fatal))
  t.test(`${name} ends the connection to the server`, async t => {
    await using both = await pair()
    const receiver = new Collector()
    both.client.connection.request(requestHead(), receiver, true)
    await both.peer.nextOf(frameType.headers)
    both.peer.send(...bytes)
    await receiver.done
    t.equal(receiver.error?.code, 'upstream_protocol')
    t.equal(await both.peer.goawayCode(), code)
    t.equal(both.client.connection.closed, true)
  })

t.test('as many requests fit as the server allows', async t => {
  await using both = await pair([settingId.maxConcurrentStreams, 2])
  const { connection, told } = both.client
  t.equal(connection.capacity, 2)
  t.strictSame(told, ['capacity'])
  const receivers = [new Collector(), new Collector(), new Collector()]
  for (const receiver of receivers) connection.request(requestHead(), receiver, true)
  t.equal(connection.capacity, 0)
  await receivers[2]?.done
  t.equal(receivers[2]?.error?.code, 'upstream_refused')
  both.peer.send(headers(1, response(204)))
  await receivers[0]?.done
  t.strictSame(told, ['capacity', 'capacity'])
  t.equal(connection.capacity, 1)
  both.peer.send(settings([settingId.maxConcurrentStreams, 10]))
  await both.peer.next(f => f.type === frameType.settings && f.flags === flag.ack)
  await both.peer.next(f => f.type === frameType.settings && f.flags === flag.ack)
  t.equal(connection.capacity, 9)
})

t.test('streams above the last one of a GOAWAY were not processed, the others finish', async t => {
  await using both = await pair()
  const { connection, told } = both.client
  const first = new Collector()
  const second = new Collector()
  connection.request(requestHead(), first, true)
  connection.request(requestHead(), second, true)
  await both.peer.nextOf(frameType.headers, 3)
  both.peer.send(frame(frameType.goaway, 0, 0, word(1, errorCode.noError)))
  await second.done
  t.equal(second.error?.code, 'upstream_refused')
  t.strictSame(told, ['capacity', 'retired'])
  t.equal(connection.capacity, 0)
  both.peer.send(headers(1, response(200), false), data(1, 'late', true))
  await first.done
  t.equal(first.error, undefined)
  t.equal(first.body.toString(), 'late')
  await both.client.closed
  t.strictSame(told, ['capacity', 'retired', 'closed'])
})

const resets: Record<string, [code: number, reason: string]> = {
  REFUSED_STREAM: [errorCode.refusedStream, 'upstream_refused'],
  CANCEL: [errorCode.cancel, 'upstream_reset'],
  INTERNAL_ERROR: [errorCode.internalError, 'upstream_reset'],
}

for (const [name, [code, reason]] of Object.entries(resets))
  t.test(`${name} becomes ${reason}`, async t => {
    await using both = await pair()
    const receiver = new Collector()
    both.client.connection.request(requestHead(), receiver, true)
    await both.peer.nextOf(frameType.headers)
    both.peer.send(frame(frameType.rstStream, 0, 1, word(code)))
    await receiver.done
    t.equal(receiver.error?.code, reason)
  })

t.test('NO_ERROR after a complete answer only stops the upload', async t => {
  await using both = await pair()
  const receiver = new Collector()
  const upload = requestHead({ method: 'POST', bodyLength: unknownLength })
  const stream = both.client.connection.request(upload, receiver, false)
  await both.peer.nextOf(frameType.headers)
  both.peer.send(
    headers(1, response(200)),
    frame(frameType.rstStream, 0, 1, word(0)),
    frame(frameType.ping, 0, 0, Buffer.alloc(8)),
  )
  await both.peer.nextOf(frameType.ping)
  t.equal(receiver.head?.status, 200)
  t.equal(receiver.error, undefined)
  t.equal(both.client.connection.active, 0)
  t.equal(stream.write(Buffer.from('ignored')), true)
})

t.test('the end of the socket resets what is in flight', async t => {
  await using both = await pair()
  const receiver = new Collector()
  both.client.connection.request(requestHead(), receiver, true)
  await both.peer.nextOf(frameType.headers)
  both.peer.socket.resetAndDestroy()
  await receiver.done
  t.equal(receiver.error?.code, 'upstream_reset')
  await both.client.closed
  t.strictSame(both.client.told, ['capacity', 'retired', 'closed: upstream_reset'])
})

t.test('a request abandoned by its caller is cancelled and late frames are ignored', async t => {
  await using both = await pair()
  const receiver = new Collector()
  const stream = both.client.connection.request(requestHead(), receiver, true)
  await both.peer.nextOf(frameType.headers)
  stream.reset(new ExchangeError('downstream_closed', 'gone'))
  t.equal(await both.peer.resetCode(1), errorCode.cancel)
  const late = [headers(1, response(200), false), data(1, 'late', true)]
  both.peer.send(...late, frame(frameType.ping, 0, 0, Buffer.alloc(8)))
  t.ok(await both.peer.nextOf(frameType.ping))
  t.equal(receiver.head, undefined)
  t.equal(receiver.error, undefined)
  t.notOk(both.peer.frames.some(frame => frame.type === frameType.rstStream))
})

t.test('informational heads come before the final one', async t => {
  await using both = await pair()
  const receiver = new Collector()
  both.client.connection.request(requestHead({ expectContinue: true }), receiver, true)
  const sent = new Map(await both.peer.head(1))
  t.equal(sent.get('expect'), '100-continue')
  both.peer.send(
    headers(1, response(100), false),
    headers(1, response(103, ['link', '</a>']), false),
    headers(1, response(200)),
  )
  await receiver.done
  t.strictSame(
    receiver.informational.map(head => [head.status, head.headers.get('link')]),
    [
      [100, undefined],
      [103, '</a>'],
    ],
  )
  t.equal(receiver.head?.status, 200)
})

t.test('HEAD and 304 repeat content-length without a body', async t => {
  await using both = await pair()
  const head = new Collector()
  const cached = new Collector()
  both.client.connection.request(requestHead({ method: 'HEAD' }), head, true)
  both.client.connection.request(requestHead(), cached, true)
  await both.peer.nextOf(frameType.headers, 3)
  both.peer.send(
    headers(1, response(200, ['content-length', '7'])),
    headers(3, response(304, ['content-length', '8'])),
  )
  await head.done
  await cached.done
  t.equal(head.head?.bodyLength, 7)
  t.equal(cached.head?.bodyLength, 8)
})

t.test('forbidden trailers are dropped, the others arrive', async t => {
  await using both = await pair()
  const receiver = new Collector()
  both.client.connection.request(requestHead(), receiver, true)
  await both.peer.nextOf(frameType.headers)
  const trailers: Pair[] = [
    ['grpc-status', '0'],
    ['content-length', '5'],
    ['authorization', 'me'],
    ['host', 'x'],
  ]
  both.peer.send(headers(1, response(200), false), data(1, 'x'), headers(1, trailers))
  await receiver.done
  t.strictSame(receiver.trailers?.names, ['grpc-status'])
})

t.test('a foreign server gets neither private fields nor an upgrade it does not take', async t => {
  await using both = await pair()
  const list = new HeaderList()
  list.append('X-Mixed-Case', '1')
  both.client.connection.request(requestHead({ headers: list }), new Collector(), true)
  t.strictSame(await both.peer.head(1), [
    [':method', 'GET'],
    [':authority', 'orders'],
    [':scheme', 'http'],
    [':path', '/'],
    ['x-mixed-case', '1'],
  ])
  const upgrade = new Collector()
  both.client.connection.request(requestHead({ upgrade: 'websocket' }), upgrade, false)
  await upgrade.done
  t.equal(upgrade.error?.code, 'upstream_protocol')
})

t.test('an upload that ends when it may go on ends once', async t => {
  const limits = { ...defaultLimits, highWaterBytes: 1 }
  await using both = await pairWith({ limits }, [
    [settingId.initialWindowSize, 0],
    [settingId.maxFrameSize, 65_536],
  ])
  const receiver = new Collector()
  const upload = requestHead({ method: 'PUT', bodyLength: unknownLength })
  const stream = both.client.connection.request(upload, receiver, false)
  const body = Buffer.alloc(30_000)
  t.equal(stream.write(body), false)
  receiver.writable = () => stream.end()
  const room = frame(frameType.windowUpdate, 0, 0, word(1_000_000))
  both.peer.send(room, frame(frameType.windowUpdate, 0, 1, word(1_000_000)))
  let received = 0
  for (let ended = false; !ended;) {
    const piece = await both.peer.nextOf(frameType.data, 1)
    received += piece?.payload.length ?? 0
    ended = ((piece?.flags ?? 1) & flag.endStream) !== 0
  }
  t.equal(received, body.length)
  both.peer.send(frame(frameType.ping, 0, 0, Buffer.alloc(8)))
  await both.peer.nextOf(frameType.ping)
  t.notOk(both.peer.frames.some(frame => frame.type === frameType.data))
})

/** Opens a stream and cancels it. @returns its id, which counts 1, 3, 5. */
function cancelOne({ connection }: Awaited<ReturnType<typeof connect>>, index: number): number {
  const receiver = new Collector()
  connection
    .request(requestHead(), receiver, true)
    .reset(new ExchangeError('downstream_closed', 'nobody waits'))
  return index * 2 + 1
}

t.test(
  'heads that crossed any number of cancellations keep the connection to a sidecar',
  async t => {
    await using both = await pairWith({ passesResetsOn: true })
    const late: Buffer[] = []
    for (let index = 0; index < 20_000; index++)
      late.push(headers(cancelOne(both.client, index), response(200)))
    both.peer.send(...late, frame(frameType.ping, 0, 0, Buffer.alloc(8)))
    t.ok(await both.peer.nextOf(frameType.ping))
    t.notOk(both.client.connection.closed)
  },
)

t.test('late heads that no cancellation explains are a flood', async t => {
  await using both = await pairWith({ passesResetsOn: false })
  cancelOne(both.client, 0)
  const late = headers(1, response(200))
  both.peer.send(...Array.from({ length: 12_000 }, () => late))
  t.equal(await both.peer.goawayCode(), errorCode.enhanceYourCalm)
})

t.test(
  'a server that may count cancellations gets no new streams before it ends the rest',
  async t => {
    await using both = await pairWith({ passesResetsOn: false })
    const waiting = new Collector()
    both.client.connection.request(requestHead(), waiting, true)
    let cancelled = 0
    while (both.client.connection.capacity > 0) cancelOne(both.client, ++cancelled)
    t.ok(cancelled > 400 && cancelled < 1000, `${cancelled}`)
    t.strictSame(both.client.told, ['capacity', 'retired'])
    both.peer.send(headers(1, response(200)))
    await waiting.done
    t.equal(waiting.head?.status, 200)
    await both.client.closed
  },
)

t.test('a sidecar does not count cancellations', async t => {
  await using both = await pairWith({ passesResetsOn: true })
  for (let index = 0; index < 5000; index++) cancelOne(both.client, index)
  t.ok(both.client.connection.capacity > 0)
  t.strictSame(both.client.told, ['capacity'])
})
