import t from 'tap'
import type { ExchangeError } from '../../../../src/base/errors.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'
import type { ServerStream } from '../../../../src/http/stream.ts'
import {
  TcpServerConnection,
  type Provisional,
} from '../../../../src/http/tcp/server-connection.ts'
import { ignore } from '../../../support/handlers.ts'
import { responseHead } from '../../../support/requests.ts'
import { MemorySocket } from '../http1/memory-socket.ts'

function accept(onRequest: (stream: ServerStream) => void, provisional?: Provisional) {
  const socket = new MemorySocket()
  const clock = { now: 0 }
  const connection = new TcpServerConnection(socket.asSocket, {
    limits: { ...defaultLimits, tunnelIdleTimeoutMs: 1000 },
    info: { remoteAddress: '127.0.0.1', peerIdentity: undefined },
    onRequest,
    now: () => clock.now,
    authority: 'orders:5432',
    provisional,
  })
  return { socket, clock, connection }
}

t.test('a connection is a CONNECT from its first moment on', async t => {
  const seen: ServerStream[] = []
  accept(stream => seen.push(stream))
  t.match(seen[0]?.request, { method: 'CONNECT', authority: 'orders:5432', path: '' })
})

t.test(
  'an answer that opens no tunnel ends the connection, and no byte of it goes out',
  async t => {
    const { socket, connection } = accept(stream => {
      stream.receiver = ignore
      stream.sendHead(responseHead(503), false)
      stream.write(Buffer.from('{"error":"…"}'))
      stream.end()
    })
    t.ok(socket.destroyed)
    t.equal(socket.written, '')
    t.equal(connection.active, 0)
  },
)

t.test('a connection on which nothing moves ends, and the handler hears of it', async t => {
  let told: ExchangeError | undefined
  const { socket, clock, connection } = accept(stream => {
    stream.receiver = { ...ignore, onReset: error => (told = error) }
    stream.sendHead(responseHead(200), false)
  })
  connection.sweep(0)
  clock.now = 900
  socket.bytesRead = 1
  connection.sweep(900)
  connection.sweep(1900)
  t.notOk(socket.destroyed)
  connection.sweep(1901)
  t.ok(socket.destroyed)
  t.equal(told?.code, 'request_timeout')
})

t.test('a drain leaves it alone', async t => {
  const { socket, connection } = accept(stream => (stream.receiver = ignore))
  connection.drain()
  t.notOk(socket.destroyed)
  t.equal(connection.active, 1)
})

t.test('a client that goes without a word resets the exchange', async t => {
  const told = Promise.withResolvers<string>()
  const { socket } = accept(stream => {
    stream.receiver = { ...ignore, onReset: ({ code }) => told.resolve(code) }
  })
  socket.destroy(new Error('ECONNRESET'))
  t.equal(await told.promise, 'downstream_closed')
})

/** Takes back what is not in lower case. */
function provisionally() {
  const taken: string[] = []
  const provisional: Provisional = {
    isTcp: chunk => /^[a-z]*$/.test(chunk.toString()),
    takeBack: chunk => taken.push(chunk.toString()),
  }
  return { taken, provisional }
}

t.test(
  "the client's first word takes a provisional connection back, and its exchange ends",
  async t => {
    const { taken, provisional } = provisionally()
    const told: string[] = []
    const { socket, connection } = accept(stream => {
      stream.receiver = {
        ...ignore,
        onBody: chunk => told.push(chunk.toString()),
        onReset: ({ code }) => told.push(code),
      }
    }, provisional)
    connection.receive(Buffer.from('GET'))
    t.strictSame([taken, told], [['GET'], ['downstream_closed']])
    t.notOk(socket.destroyed, 'it is no longer ours')
    connection.receive(Buffer.from('lost'))
    socket.push(null)
    socket.destroy()
    await new Promise(resolve => setImmediate(resolve))
    t.equal(told.length, 1, 'nothing more is told')
  },
)

t.test('nothing is taken back once either side has spoken in its own way', async t => {
  for (const first of ['client', 'server']) {
    const { taken, provisional } = provisionally()
    let heard = ''
    const { connection } = accept(stream => {
      stream.receiver = { ...ignore, onBody: chunk => void (heard += chunk.toString()) }
    }, provisional)
    if (first === 'client') connection.receive(Buffer.from('hello'))
    else connection.write(Buffer.from('HELLO'))
    connection.receive(Buffer.from('GET'))
    t.strictSame(taken, [])
    t.match(heard, 'GET')
  }
})
