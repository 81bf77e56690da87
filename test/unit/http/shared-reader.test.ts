import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { adoptAccepted, SharedReader, shareReads } from '../../../src/http/shared-reader.ts'
import { clientTlsOptions, serverTlsOptions } from '../../../src/identity/tls-options.ts'
import { issueIdentity, openAuthority } from '../../support/authority.ts'
import { readBuffer } from '../../../src/http/read-buffer.ts'

/** A client, and the server's end of its connection as it was accepted. */
async function acceptOne(t: Test) {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.on('error', () => {})
  const [accepted] = (await once(server, 'connection')) as [Socket]
  t.teardown(() => {
    client.destroy()
    server.close()
  })
  return { server, client, accepted }
}

/** Keeps what it is lent, as text. */
function recorder() {
  const chunks: string[] = []
  const waiting = new Set<() => void>()
  return {
    chunks,
    receive(chunk: Buffer) {
      chunks.push(chunk.toString())
      for (const check of waiting) check()
    },
    async until(text: string) {
      while (chunks.join('') !== text)
        await new Promise<void>(resolve => {
          waiting.add(resolve)
        })
    },
  }
}

t.test('an adopted connection reads into the shared buffer, both ways work', async t => {
  const { client, accepted } = await acceptOne(t)
  const reader = new SharedReader()
  const socket = adoptAccepted(accepted, reader)
  t.ok(socket)
  const received = recorder()
  reader.attach(received)
  client.write('hello')
  await received.until('hello')
  t.equal(readBuffer.toString('utf8', 0, 5), 'hello')
  socket?.write('and back')
  const [answer] = (await once(client, 'data')) as [Buffer]
  t.equal(answer.toString(), 'and back')
  t.equal(socket?.remotePort, client.localPort)
  socket?.destroy()
})

t.test('chunks of every length are handed on whole', async t => {
  const { client, accepted } = await acceptOne(t)
  const reader = new SharedReader()
  const socket = adoptAccepted(accepted, reader)
  const received = recorder()
  reader.attach(received)
  let sent = ''
  for (const length of [1, 2, 1, 1023, 1024, 1025, 2, 40_000]) {
    const text = String.fromCharCode(0x61 + (length % 26)).repeat(length)
    sent += text
    client.write(text)
    await received.until(sent)
  }
  t.equal(received.chunks.join('').length, sent.length)
  socket?.destroy()
})

t.test('what came before there was a receiver is handed to it first', async t => {
  const { client, accepted } = await acceptOne(t)
  const reader = new SharedReader()
  const socket = adoptAccepted(accepted, reader)
  client.end('early')
  socket?.resume()
  await once(socket as Socket, 'end')
  readBuffer.fill('!', 0, 5)
  const received = recorder()
  reader.attach(received)
  t.strictSame(received.chunks, ['early'])
  socket?.destroy()
})

t.test('a pause holds back what comes, until resume', async t => {
  const { client, accepted } = await acceptOne(t)
  const reader = new SharedReader()
  const socket = adoptAccepted(accepted, reader)
  const received = recorder()
  reader.attach(received)
  client.write('1')
  await received.until('1')
  socket?.pause()
  await new Promise(resolve => {
    client.write('2', resolve)
  })
  await new Promise(resolve => {
    setImmediate(resolve)
  })
  t.strictSame(received.chunks, ['1'])
  socket?.resume()
  await received.until('12')
  socket?.destroy()
})

t.test('for its server the accepted socket is closed, and the connection lives on', async t => {
  const { server, client, accepted } = await acceptOne(t)
  const closed = once(server, 'close')
  const socket = adoptAccepted(accepted, new SharedReader())
  server.close()
  await closed
  socket?.write('still here')
  const [chunk] = (await once(client, 'data')) as [Buffer]
  t.equal(chunk.toString(), 'still here')
  socket?.destroy()
})

t.test('a reset ends it with an error', async t => {
  const { client, accepted } = await acceptOne(t)
  const socket = adoptAccepted(accepted, new SharedReader())
  client.resetAndDestroy()
  const [error] = (await once(socket as Socket, 'error')) as [NodeJS.ErrnoException]
  t.equal(error.code, 'ECONNRESET')
})

t.test('a socket without a handle is left as it is', async t => {
  const socket = new net.Socket()
  t.equal(adoptAccepted(socket, new SharedReader()), undefined)
  t.notOk(socket.destroyed)
})

/** A client, and the server's end of its TLS connection right after the handshake, as `serve` left it. */
async function secureOne<Served>(t: Test, serve: (socket: TLSSocket) => Served) {
  const identity = await issueIdentity(await openAuthority(t), 'any')
  const options = serverTlsOptions(identity, { rejectUnauthorized: true })
  const served: Served[] = []
  const server = tls.createServer({ ...options, allowHalfOpen: true }, socket => {
    t.teardown(() => socket.destroy())
    served.push(serve(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = (server.address() as AddressInfo).port
  const client = tls.connect({ ...clientTlsOptions(identity), host: '127.0.0.1', port })
  t.teardown(() => {
    client.destroy()
    server.close()
  })
  await Promise.all([once(server, 'secureConnection'), once(client, 'secureConnect')])
  return { client, served: served[0] as Served }
}

function servesShared(socket: TLSSocket) {
  const reader = new SharedReader()
  const shares = shareReads(socket, reader)
  const received = recorder()
  reader.attach(received)
  // As the codecs do, which do not know by which way they are told.
  const events: Buffer[] = []
  socket.on('data', (chunk: Buffer) => events.push(chunk))
  return { socket, shares, received, events }
}

t.test('a socket of a TLS server reads into the shared buffer, records of every size', async t => {
  const { client, served } = await secureOne(t, servesShared)
  t.equal(served.shares, true)
  client.write('hello')
  await served.received.until('hello')
  t.equal(readBuffer.toString('utf8', 0, 5), 'hello')
  const large = 'x'.repeat(200_000)
  client.write(large)
  await served.received.until(`hello${large}`)
  t.strictSame(served.events, [])
  served.socket.write('and back')
  const [answer] = (await once(client, 'data')) as [Buffer]
  t.equal(answer.toString(), 'and back')
})

t.test('a socket of a TLS server that shares pauses, goes on, and ends', async t => {
  const { client, served } = await secureOne(t, servesShared)
  client.write('1')
  await served.received.until('1')
  served.socket.pause()
  await new Promise(resolve => client.write('2', resolve))
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(served.received.chunks, ['1'])
  served.socket.resume()
  await served.received.until('12')
  client.end('3')
  await once(served.socket, 'end')
  t.equal(served.received.chunks.join(''), '123')
})

t.test('a socket that has read, or is gone, is left as it is', async t => {
  const { client, served: socket } = await secureOne(t, accepted => accepted)
  client.write('before')
  await once(socket, 'readable')
  t.equal(shareReads(socket, new SharedReader()), false)
  t.equal(String(socket.read()), 'before')
  socket.destroy()
  t.equal(shareReads(socket, new SharedReader()), false)
})
