import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { ServerConnection } from '../../../../src/http/stream.ts'
import { Listener, type ListenerOptions } from '../../../../src/proxy/listener/listener.ts'

/** A codec that ends its socket when the peer does, or when told to drain. */
function codecOn(socket: Socket): ServerConnection {
  socket.on('end', () => socket.end())
  return {
    active: 0,
    drain: () => socket.destroySoon(),
    destroy: () => socket.destroy(),
    sweep: () => {},
  }
}

async function listen(t: Test, options: Partial<ListenerOptions> = {}) {
  const accepted: Socket[] = []
  const listener: Listener = new Listener({
    purpose: 'test',
    address: { host: '127.0.0.1', port: 0 },
    now: () => 0,
    accept: (socket, reader) => {
      accepted.push(socket)
      listener.track(codecOn(socket), socket)
      if (reader === undefined) socket.on('data', chunk => socket.write(chunk))
      else reader.attach({ receive: chunk => socket.write(Buffer.from(chunk)) })
    },
    ...options,
  })
  t.teardown(() => listener.close())
  await listener.listen()
  const connect = (): Socket => {
    const client = net.connect(listener.port, '127.0.0.1')
    client.on('error', () => {})
    t.teardown(() => client.destroy())
    return client
  }
  return { listener, accepted, connect }
}

/** Whether it answers; it echoes. */
async function answers(client: Socket): Promise<boolean> {
  client.write('x')
  return new Promise(resolve => {
    client.once('data', () => resolve(true))
    client.once('close', () => resolve(false))
  })
}

for (const sharesReads of [false, true])
  t.test(sharesReads ? 'with shared reads' : 'with reads of their own', async t => {
    t.test('connections beyond the most are closed unanswered and counted', async t => {
      const { listener, connect } = await listen(t, { sharesReads, maxConnections: 2 })
      const [first, second] = [connect(), connect()]
      t.strictSame([await answers(first), await answers(second)], [true, true])
      t.equal(await answers(connect()), false)
      t.strictSame([listener.accepted, listener.refused, listener.connections], [2, 1, 2])
    })

    t.test('one that closes makes room for another, time and again', async t => {
      const { listener, accepted, connect } = await listen(t, { sharesReads, maxConnections: 1 })
      for (let count = 0; count < 5; count++) {
        const client = connect()
        t.equal(await answers(client), true)
        client.destroy()
        const socket = accepted.at(-1) as Socket
        if (!socket.closed) await once(socket, 'close')
      }
      t.strictSame([listener.accepted, listener.refused, listener.connections], [5, 0, 0])
    })

    t.test('drain waits for each connection', async t => {
      const { listener, connect } = await listen(t, { sharesReads })
      const client = connect()
      t.equal(await answers(client), true)
      const ended = once(client, 'end')
      await listener.drain()
      await ended
      t.equal(listener.connections, 0)
    })

    t.test('close ends them all at once', async t => {
      const { listener, connect } = await listen(t, { sharesReads })
      const client = connect()
      t.equal(await answers(client), true)
      listener.close()
      await once(client, 'close')
    })
  })

t.test('a taken port is named with the setting that moves it', async t => {
  const { listener } = await listen(t)
  const address = { host: '127.0.0.1', port: listener.port }
  await t.rejects(listen(t, { address, purpose: 'the admin port' }), {
    message: new RegExp(`${listener.port} \\(the admin port\\)`),
  })
})
