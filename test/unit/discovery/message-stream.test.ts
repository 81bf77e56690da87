import { once } from 'node:events'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { ProtocolError } from '../../../src/discovery/line-decoder.ts'
import { MessageStream, type MessageStreamOptions } from '../../../src/discovery/message-stream.ts'
import { mockTime } from '../../support/mock-time.ts'
import { listenForPeers } from './scripted-peer.ts'

async function open(t: Test, options: Partial<MessageStreamOptions> = {}) {
  const { connect, accept } = await listenForPeers(t)
  const stream = await connect()
  const received: unknown[] = []
  const closed = Promise.withResolvers<Error | undefined>()
  const messages = new MessageStream<unknown>(stream, {
    maxLineBytes: 1000,
    onMessage: message => received.push(message),
    onClose: closed.resolve,
    ...options,
  })
  return { stream, messages, received, closed: closed.promise, peer: await accept() }
}

t.test('messages go both ways, in order', async t => {
  const { messages, received, peer, closed } = await open(t)
  messages.send({ a: 1 })
  messages.send([2])
  t.strictSame([await peer.next(), await peer.next()], [{ a: 1 }, [2]])
  peer.write('3\n{"b"')
  peer.write(':4}\n')
  peer.socket.end()
  t.equal(await closed, undefined)
  t.strictSame(received, [3, { b: 4 }])
})

t.test('what is not the protocol ends the stream, with the reason', async t => {
  const { peer, closed } = await open(t)
  peer.write('GET / HTTP/1.1\r\n')
  t.type(await closed, ProtocolError)
  await peer.closed
})

t.test('a line that never ends ends the stream', async t => {
  const { peer, closed } = await open(t)
  peer.write('x'.repeat(1001))
  t.match(await closed, { message: /more than 1000 bytes/ })
})

t.test('what the reader of a message throws ends the stream, and no more are read', async t => {
  const error = new Error('no')
  const read: unknown[] = []
  const { peer, closed } = await open(t, {
    onMessage: message => {
      read.push(message)
      throw error
    },
  })
  peer.write('1\n2\n')
  t.equal(await closed, error)
  t.strictSame(read, [1])
})

t.test('a reset by the peer is the reason', async t => {
  const { peer, closed } = await open(t)
  peer.socket.resetAndDestroy()
  t.match(await closed, { code: 'ECONNRESET' })
})

t.test('a stream that had closed before is closed, and takes messages without effect', async t => {
  const { connect } = await listenForPeers(t)
  const stream = await connect()
  stream.on('error', () => {})
  const reason = new Error('lost')
  stream.destroy(reason)
  await new Promise(resolve => stream.once('close', resolve))
  const closed = Promise.withResolvers<Error | undefined>()
  const messages = new MessageStream<unknown>(stream, {
    maxLineBytes: 1000,
    onMessage: () => {},
    onClose: closed.resolve,
  })
  messages.send({})
  t.equal(await closed.promise, reason)
})

t.test('an end lets out what was sent', async t => {
  const { messages, peer, closed } = await open(t)
  const large = 'x'.repeat(1_000_000)
  messages.send(large)
  messages.end()
  messages.send('too late')
  t.equal(await peer.next(), large)
  await peer.closed
  t.strictSame(peer.unread, [])
  t.equal(await closed, undefined)
})

t.test(
  'after an end nothing is read, and a peer that does not close is given a second',
  async t => {
    mockTime(t)
    const { stream, messages, received, peer, closed } = await open(t)
    peer.socket.allowHalfOpen = true
    messages.end()
    await once(peer.socket, 'end')
    peer.write('1\n')
    await once(stream, 'data')
    mock.timers.tick(999)
    t.equal(stream.destroyed, false)
    mock.timers.tick(1)
    t.equal(await closed, undefined)
    t.strictSame(received, [])
  },
)

t.test('a peer that does not read what it is sent is not read any more', async t => {
  const text = 'x'.repeat(900)
  let read = 0
  const { stream, messages, peer } = await open(t, {
    pausesWhenFull: true,
    onMessage: () => {
      read++
      messages.send(text)
    },
  })
  peer.socket.pause()
  // More than the kernel holds of both directions.
  const questions = 20_000
  for (let sent = 0; sent < questions; sent++) peer.send({ text })
  let before = -1
  while (before !== read) {
    before = read
    for (let turn = 0; turn < 50; turn++) await new Promise(resolve => setImmediate(resolve))
  }
  t.ok(read < questions, `${read} read`)
  t.ok(stream.writableLength < 200_000, `${stream.writableLength} bytes wait`)

  peer.socket.resume()
  for (let answers = 0; answers < questions; answers++) await peer.next()
  t.equal(read, questions, 'and it goes on when the peer does')
})
