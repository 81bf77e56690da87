import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { adoptAccepted, SharedReader } from '../../../src/http/shared-reader.ts'
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
