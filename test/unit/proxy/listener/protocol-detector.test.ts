import { mock } from 'node:test'
import t from 'tap'
import { preface } from '../../../../src/http/http2/protocol.ts'
import type { WireProtocol } from '../../../../src/http/message.ts'
import type { Provisional } from '../../../../src/http/tcp/server-connection.ts'
import { httpProtocolOf, wireProtocolOf } from '../../../../src/proxy/listener/first-bytes.ts'
import { ProtocolDetector } from '../../../../src/proxy/listener/protocol-detector.ts'
import { mockTime } from '../../../support/mock-time.ts'
import { MemorySocket } from '../../http/http1/memory-socket.ts'

function detect() {
  const socket = new MemorySocket()
  const started: WireProtocol[] = []
  const told: string[] = []
  let bytes = ''
  const detector = new ProtocolDetector(socket.asSocket, {
    timeoutMs: 1000,
    acceptedAt: 5000,
    classify: httpProtocolOf,
    start: protocol => {
      started.push(protocol)
      return {
        active: 7,
        receive: chunk => (bytes += chunk.toString('latin1')),
        drain: () => told.push('drain'),
        destroy: () => told.push('destroy'),
        sweep: now => told.push(`sweep ${now}`),
      }
    },
  })
  return { socket, detector, started, told, bytes: () => bytes }
}

/** As the shared buffer hands it out: valid for the call alone. */
function lend(text: string, receive: (chunk: Buffer) => void): void {
  const chunk = Buffer.from(text, 'latin1')
  receive(chunk)
  chunk.fill('!')
}

const request = 'POST / HTTP/1.1\r\nHost: orders\r\n\r\n'
const http2 = preface.toString('latin1')

t.test('the preface is HTTP/2, wherever it is cut, and all bytes reach the codec', async t => {
  for (let cut = 1; cut <= http2.length; cut++) {
    const { detector, started, bytes } = detect()
    const receive = (chunk: Buffer): void => detector.receive(chunk)
    lend(http2.slice(0, cut), receive)
    t.strictSame(started, cut < http2.length ? [] : ['h2'])
    if (cut < http2.length) lend(`${http2.slice(cut)}rest`, receive)
    t.strictSame(started, ['h2'])
    t.match(bytes(), http2)
  }
})

t.test('all else is HTTP/1, from the first byte that the preface does not have', async t => {
  const methods = ['PROPFIND', 'POST', 'P', 'PRIME', 'GET', '\r\nGET', 'PRI * HTTP/1.1\r\n']
  for (const method of methods) {
    const { detector, started, bytes } = detect()
    const whole = `${method} / HTTP/1.1\r\n\r\n`
    for (const byte of whole) if (started.length === 0) lend(byte, chunk => detector.receive(chunk))
    t.strictSame(started, ['http/1.1'])
    t.equal(bytes(), whole.slice(0, bytes().length))
  }
  const { detector, bytes } = detect()
  lend(request, chunk => detector.receive(chunk))
  t.equal(bytes(), request)
})

t.test('after the decision the codec is asked, before it the socket is closed', async t => {
  const decided = detect()
  t.equal(decided.detector.active, 0)
  decided.detector.receive(Buffer.from(request))
  t.equal(decided.detector.active, 7)
  decided.detector.sweep(9000)
  decided.detector.drain()
  decided.detector.destroy()
  t.strictSame(decided.told, ['sweep 9000', 'drain', 'destroy'])
  for (const method of ['drain', 'destroy'] as const) {
    const undecided = detect()
    undecided.detector[method]()
    t.ok(undecided.socket.destroyed)
  }
})

t.test('who says nothing, or too little, is let go when the time is up', async t => {
  for (const said of ['', 'PRI * HTTP']) {
    const { socket, detector, started } = detect()
    if (said !== '') detector.receive(Buffer.from(said))
    detector.sweep(6000)
    t.notOk(socket.destroyed)
    detector.sweep(6001)
    t.ok(socket.destroyed)
    t.strictSame(started, [])
  }
})

t.test("bytes also come by the socket's own events, and its end closes it", async t => {
  const { socket, started, bytes } = detect()
  socket.push(Buffer.from('GE'))
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(started, ['http/1.1'])
  t.equal(bytes(), 'GE')
  const left = detect()
  left.socket.push(Buffer.from('PR'))
  left.socket.push(null)
  await new Promise(resolve => left.socket.once('close', resolve))
  t.strictSame(left.started, [])
})

t.test('a client that stays silent is taken for one of bytes, until it speaks HTTP', async t => {
  mockTime(t)
  const told: string[] = []
  const socket = new MemorySocket()
  let provisional: Provisional | undefined
  const detector = new ProtocolDetector(socket.asSocket, {
    timeoutMs: 1000,
    acceptedAt: 0,
    classify: wireProtocolOf,
    opaque: { warm: () => told.push('warm'), silent: () => told.push('silent') },
    start: (protocol, given) => {
      told.push(protocol)
      provisional = given
      const receive = (chunk: Buffer): number => told.push(chunk.toString())
      return { active: 1, receive, drain() {}, destroy() {}, sweep() {} }
    },
  })
  mock.timers.tick(9)
  t.strictSame(told, [])
  mock.timers.tick(1)
  t.strictSame(told, ['warm'])
  mock.timers.tick(39)
  t.strictSame(told, ['warm'])
  mock.timers.tick(1)
  t.strictSame(told.splice(0), ['warm', 'silent', 'tcp'])
  t.equal(provisional?.isTcp(Buffer.from('\0')), true)
  t.equal(provisional?.isTcp(Buffer.from('GET')), false)
  provisional?.takeBack(Buffer.from('GET / HT'))
  mock.timers.tick(900)
  t.strictSame(told, [])
  detector.receive(Buffer.from('TP/1.1\r\n'))
  t.strictSame(told, ['http/1.1', 'GET / HTTP/1.1\r\n'])
  t.equal(provisional, undefined)
})

t.test(
  'what has begun like a request may take its time, and is bytes when that is over',
  async t => {
    const told: string[] = []
    const socket = new MemorySocket()
    const detector = new ProtocolDetector(socket.asSocket, {
      timeoutMs: 1000,
      acceptedAt: 0,
      classify: wireProtocolOf,
      opaque: { warm() {}, silent() {} },
      start: protocol => {
        told.push(protocol)
        const receive = (chunk: Buffer): number => told.push(chunk.toString())
        return { active: 1, receive, drain() {}, destroy() {}, sweep() {} }
      },
    })
    detector.receive(Buffer.from('PING'))
    detector.sweep(1000)
    t.strictSame(told, [])
    detector.sweep(1001)
    t.strictSame(told, ['tcp', 'PING'])
    socket.destroy()
  },
)
