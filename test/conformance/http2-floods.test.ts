import net from 'node:net'
import t from 'tap'
import { errorCode, flag, frameType, settingId } from '../../src/http/http2/protocol.ts'
import { defaultLimits, meshLimits } from '../../src/http/limits.ts'
import { unknownLength } from '../../src/http/message.ts'
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

const ping = frame(frameType.ping, 0, 0, Buffer.alloc(8))

function times(count: number, make: (i: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => make(i)))
}

const cancel = (id: number) => frame(frameType.rstStream, 0, id, word(errorCode.cancel))
const openAndCancel = (i: number) => Buffer.concat([headers(2 * i + 1, get), cancel(2 * i + 1)])

/** Each ends the connection with ENHANCE_YOUR_CALM at a clock that stands still. */
const floods: Record<string, Buffer> = {
  'rapid reset': times(6000, openAndCancel),
  'streams that we must reset': times(6000, i => headers(2 * i + 1, changed([':path', 'x']))),
  'streams above the limit': times(8000, i => headers(2 * i + 1, get, false)),
  'resets provoked by WINDOW_UPDATE by 0': times(6000, i =>
    Buffer.concat([
      headers(2 * i + 1, get, false),
      frame(frameType.windowUpdate, 0, 2 * i + 1, word(0)),
    ]),
  ),
  SETTINGS: times(1200, () => settings([settingId.initialWindowSize, 70_000])),
  'SETTINGS acknowledgements': times(1200, () => frame(frameType.settings, flag.ack, 0)),
  'oversized SETTINGS': settings(...Array.from({ length: 100 }, () => [0xaa, 1] as const)),
  PING: times(12_000, () => ping),
  PRIORITY: times(12_000, () => frame(frameType.priority, 0, 1, Buffer.alloc(5))),
  'empty DATA': Buffer.concat([headers(1, get, false), times(12_000, () => data(1, ''))]),
  'unknown frames': times(12_000, () => frame(0x77, 0, 0)),
  WINDOW_UPDATE: times(3000, () => frame(frameType.windowUpdate, 0, 0, word(1))),
  'CONTINUATION frames': Buffer.concat([
    frame(frameType.headers, flag.endStream, 1, block(get)),
    times(100, () => frame(frameType.continuation, 0, 1)),
  ]),
  'CONTINUATION bytes': Buffer.concat([
    frame(frameType.headers, flag.endStream, 1, block(get)),
    times(10, () => frame(frameType.continuation, 0, 1, Buffer.alloc(16_000, 'a'))),
  ]),
  'a gathered frame above the limit': frame(frameType.goaway, 0, 0, Buffer.alloc(40_000)),
}

for (const [name, bytes] of Object.entries(floods))
  t.test(`a flood of ${name} ends the connection`, async t => {
    await using server = await serve(
      stream => {
        stream.receiver = ignore
      },
      { limits: { ...meshLimits, maxHeadBytes: 30_000, maxDrainBytes: 2 ** 24 } },
    )
    await using peer = await RawPeer.client(server.port)
    peer.send(bytes)
    t.equal(await peer.goawayCode(), errorCode.enhanceYourCalm)
    t.equal(server.connections[0]?.active, 0)
  })

t.test(
  'what clients of a verified sidecar cancel does not end its connection, at any rate',
  async t => {
    const info = {
      remoteAddress: '127.0.0.1',
      peerIdentity: 'spiffe://weft.local/ns/default/sa/web',
    }
    await using server = await serve(
      stream => {
        stream.receiver = ignore
      },
      { info },
    )
    await using peer = await RawPeer.client(server.port)
    peer.send(
      times(20_000, openAndCancel),
      times(20_000, i => cancel(2 * i + 1)),
      ping,
    )
    t.ok(await peer.nextOf(frameType.ping, 0))
    t.equal(server.connections[0]?.closed, false)
  },
)

t.test(
  'an honest peer may cancel thousands of streams at once, and more as time passes',
  async t => {
    let now = 0
    let opened = 0
    await using server = await serve(
      stream => {
        opened++
        if (stream.request.path === '/last') return echo(stream)
        stream.receiver = ignore
      },
      { now: () => now },
    )
    await using peer = await RawPeer.client(server.port)
    let next = 0
    for (let second = 0; second < 5; second++) {
      peer.send(times(second === 0 ? 4000 : 900, () => openAndCancel(next++)))
      peer.send(ping)
      await peer.nextOf(frameType.ping)
      now += 1000
    }
    peer.send(headers(2 * next + 1, changed([':path', '/last'])))
    t.same((await peer.head(2 * next + 1))[0], [':status', '200'])
    t.equal(opened, 4000 + 4 * 900 + 1)
  },
)

t.test('a peer that asks and never reads loses its connection, not our memory', async t => {
  const headersBig = 'a'.repeat(10_000)
  await using server = await serve(stream => {
    const head = responseHead(200)
    // Changes with each answer, so that no table shrinks it.
    head.headers.append('x-big', headersBig + stream.request.path)
    stream.sendHead(head, true)
  })
  await using peer = await RawPeer.client(server.port)
  peer.socket.pause()
  for (let i = 0; server.connections[0]?.closed !== true; i++) {
    if (i > 5000) break
    peer.send(headers(2 * i + 1, changed([':path', `/${i}`])))
    if (i % 50 === 0) await new Promise(setImmediate)
  }
  t.equal(server.connections[0]?.closed, true)
  server.connections[0]?.sweep(0)
  server.connections[0]?.sweep(2000)
  peer.socket.resume()
  await peer.closed()
})

t.test('one flooded connection leaves the others alone', async t => {
  await using server = await serve(echo)
  await using bad = await RawPeer.client(server.port)
  await using good = await RawPeer.client(server.port)
  bad.send(times(12_000, () => ping))
  good.send(headers(1, get))
  t.same((await good.head(1))[0], [':status', '200'])
  t.equal(await bad.goawayCode(), errorCode.enhanceYourCalm)
})

t.test('a head that never ends is given up after the header timeout', async t => {
  await using server = await serve(echo)
  await using peer = await RawPeer.client(server.port)
  peer.send(frame(frameType.headers, flag.endStream, 1, block(get)))
  peer.send()
  await peer.nextOf(frameType.settings)
  const [connection] = server.connections
  while (peer.socket.bytesWritten < 24) await new Promise(setImmediate)
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  connection?.sweep(1000)
  connection?.sweep(1000 + defaultLimits.headerTimeoutMs - 1)
  t.equal(connection?.closed, false)
  connection?.sweep(1000 + defaultLimits.headerTimeoutMs)
  t.equal(connection?.closed, true)
})

t.test('a connection that never greets is given up after the header timeout', async t => {
  await using server = await serve(echo)
  await using peer = new RawPeer(net.connect(server.port, '127.0.0.1'))
  await peer.nextOf(frameType.settings)
  const [connection] = server.connections
  connection?.sweep(0)
  connection?.sweep(defaultLimits.headerTimeoutMs)
  t.ok((await peer.goawayCode()) !== undefined)
})

t.test('a connection reset at any moment ends quietly and tells its streams', async t => {
  const told: string[] = []
  await using server = await serve(stream => {
    stream.receiver = { ...ignore, onReset: error => told.push(error.code) }
    stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
    stream.write(Buffer.alloc(1_000_000))
  })
  const whole = Buffer.concat([headers(1, get, false), data(1, 'abc'), headers(3, get)])
  for (let cut = 0; cut <= whole.length; cut += 7) {
    await using peer = await RawPeer.client(server.port)
    peer.send(whole.subarray(0, cut))
    await peer.nextOf(frameType.settings)
    peer.socket.resetAndDestroy()
  }
  while (server.connections.some(connection => !connection.closed || connection.active > 0))
    await new Promise(setImmediate)
  t.ok(told.length > 0)
  t.ok(told.every(code => code === 'downstream_closed'))
})
