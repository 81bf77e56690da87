import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import t from 'tap'
import { applicationGone } from '../../../src/proxy/application-watch.ts'

const host = '127.0.0.1'

async function listen() {
  const server = net.createServer(socket => socket.destroy())
  server.listen(0, host)
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

/** What happens first: the application is gone, or `event`. */
function firstOf(gone: Promise<void>, event: Promise<unknown>): Promise<string> {
  return Promise.race([gone.then(() => 'gone'), event.then(() => 'event')])
}

t.test('an application that listens has not gone', async t => {
  const { server, port } = await listen()
  const probed = Promise.withResolvers<void>()
  let probes = 0
  server.on('connection', () => ++probes === 3 && probed.resolve())
  const { signal } = new AbortController()
  const gone = applicationGone({ host, ports: [port], connections: async () => 0, signal })
  t.equal(await firstOf(gone, probed.promise), 'event')
  server.close()
  await gone
})

t.test('nor has one that still has connections to us', async t => {
  let looks = 0
  const looked = Promise.withResolvers<void>()
  const connections = async (): Promise<number> => {
    if (++looks === 8) looked.resolve()
    return looks > 8 ? 0 : 1
  }
  const { signal } = new AbortController()
  const gone = applicationGone({ host, ports: [], connections, signal })
  t.equal(await firstOf(gone, looked.promise), 'event')
  await gone
})

t.test('one that goes on, but has called nobody for a while, needs us no more', async t => {
  const { server, port } = await listen()
  t.teardown(() => server.close())
  let left = 8
  const connections = async (): Promise<number> => (left > 0 ? left-- : 0)
  const { signal } = new AbortController()
  await applicationGone({ host, ports: [port], connections, idleMs: 200, signal })
  t.equal(left, 0, 'not while it has connections to us')
  t.ok(server.listening)
})

t.test('the wait ends with its signal', async t => {
  const { server, port } = await listen()
  t.teardown(() => server.close())
  const abort = new AbortController()
  const gone = applicationGone({
    host,
    ports: [port],
    connections: async () => 0,
    signal: abort.signal,
  })
  await once(server, 'connection')
  abort.abort()
  await gone
  t.pass()
})
