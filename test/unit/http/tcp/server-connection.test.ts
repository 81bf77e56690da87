import t from 'tap'
import type { ExchangeError } from '../../../../src/base/errors.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'
import type { ServerStream } from '../../../../src/http/stream.ts'
import { TcpServerConnection } from '../../../../src/http/tcp/server-connection.ts'
import { ignore } from '../../../support/handlers.ts'
import { responseHead } from '../../../support/requests.ts'
import { MemorySocket } from '../http1/memory-socket.ts'

function accept(onRequest: (stream: ServerStream) => void) {
  const socket = new MemorySocket()
  const clock = { now: 0 }
  const connection = new TcpServerConnection(socket.asSocket, {
    limits: { ...defaultLimits, tunnelIdleTimeoutMs: 1000 },
    info: { remoteAddress: '127.0.0.1', peerIdentity: undefined },
    onRequest,
    now: () => clock.now,
    authority: 'orders:5432',
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
