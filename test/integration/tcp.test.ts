// Protocols that nobody looks at, through two sidecars.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { call, eventually, startApplication } from '../support/mesh.ts'
import { startOrders } from '../support/orders.ts'
import { startTcpApplication, TcpClient } from '../support/tcp.ts'

/** Greets, then answers each line in its own way until the client is done, and says goodbye after that. */
function talk(socket: Socket): void {
  socket.write('220 ready\r\n')
  socket.on('data', (chunk: Buffer) => socket.write(chunk.toString('latin1').toUpperCase()))
  socket.on('end', () => socket.end('221 bye\r\n'))
}

const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))

for (const declared of [{ name: 'tcp-chat' }, { appProtocol: 'smtp' }, {}])
  t.test(
    `a server that speaks first is heard, its port being ${JSON.stringify(declared)}`,
    async t => {
      const { local } = await startOrders(t, await startTcpApplication(t, talk), declared)
      const client = await TcpClient.connect(t, local)
      await client.until(({ received }) => received === '220 ready\r\n')
      client.socket.write('helo there\r\n')
      await client.until(({ received }) => received.endsWith('HELO THERE\r\n'))
    },
  )

t.test('bytes that are no HTTP go to the application as they are', async t => {
  const port = await startTcpApplication(t, socket => void socket.pipe(socket))
  const { local } = await startOrders(t, port)
  const said = bytes.toString('latin1')
  for (const first of [
    '\0',
    'SET key HTTP\r\n',
    'PRI * HTTP/2.0\r\n\r\nXX',
    '*1\r\n',
    'GET\r\n',
    said,
  ]) {
    const client = await TcpClient.connect(t, local)
    client.socket.write(first, 'latin1')
    await client.until(({ received }) => received === first)
    client.socket.destroy()
  }
})

t.test('each half ends on its own, the client being first', async t => {
  const { local } = await startOrders(t, await startTcpApplication(t, talk), { name: 'tcp' })
  const client = await TcpClient.connect(t, local)
  client.socket.end('last words\r\n')
  await client.until(({ ended }) => ended)
  t.equal(client.received, '220 ready\r\nLAST WORDS\r\n221 bye\r\n')
})

t.test('each half ends on its own, the server being first', async t => {
  let heard = ''
  const port = await startTcpApplication(t, socket => {
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString()))
    socket.end('time is up\n')
  })
  const { local } = await startOrders(t, port, { name: 'tcp' })
  const client = await TcpClient.connect(t, local)
  await client.until(({ ended }) => ended)
  t.equal(client.received, 'time is up\n')
  client.socket.write('but I have ')
  client.socket.end('more to say')
  await eventually(
    () => heard,
    words => words === 'but I have more to say',
  )
  await client.until(({ socket }) => socket.closed)
})

t.test('a client that ends before it said enough to be known is passed on', async t => {
  const port = await startTcpApplication(t, socket => void socket.pipe(socket))
  const { local } = await startOrders(t, port)
  for (const said of ['', 'PING']) {
    const client = await TcpClient.connect(t, local)
    client.socket.end(said)
    await client.until(({ ended }) => ended)
    t.equal(client.received, said)
  }
})

t.test('a reset of one side reaches the other', async t => {
  const sockets: Socket[] = []
  const port = await startTcpApplication(t, socket => {
    sockets.push(socket)
    socket.write('hello')
  })
  const { local } = await startOrders(t, port, { name: 'tcp' })
  const first = await TcpClient.connect(t, local)
  await first.until(({ received }) => received === 'hello')
  sockets[0]?.resetAndDestroy()
  await first.until(({ error }) => error !== undefined)
  t.match(first.error, { code: 'ECONNRESET' })

  const second = await TcpClient.connect(t, local)
  await second.until(({ received }) => received === 'hello')
  const [, socket] = sockets
  const closed = socket && once(socket, 'error')
  second.socket.resetAndDestroy()
  t.match(await closed, [{ code: 'ECONNRESET' }])
})

t.test('where nobody listens the client is reset, and the reason counted', async t => {
  const { local, client: sidecar } = await startOrders(t, 1, { name: 'tcp' })
  const client = await TcpClient.connect(t, local)
  await client.until(({ error }) => error !== undefined)
  const line = await eventually(
    () => sidecar.accessLog.at(-1) ?? '',
    text => text !== '',
  )
  t.match(JSON.parse(line), {
    method: 'CONNECT',
    authority: 'orders',
    reason: /refused|connect|no_healthy/,
  })
})

t.test(
  'much passes both ways at once, and a reader that reads nothing stops its writer',
  async t => {
    const port = await startTcpApplication(t, socket => void socket.pipe(socket))
    const { local } = await startOrders(t, port, { name: 'tcp' })
    const client = await TcpClient.connect(t, local)
    const block = Buffer.alloc(1024 * 1024, bytes)
    client.socket.pause()
    let written = 0
    while (client.socket.write(block) && written < 64) written++
    let most = 0
    // What is on its way fits the buffers, and stays.
    await eventually(
      () => client.socket.bytesWritten,
      sent => {
        const still = sent === most
        most = sent
        return still
      },
    )
    t.ok(client.socket.writableLength > 0, 'the client is made to wait')
    client.socket.resume()
    client.socket.end()
    await client.until(({ ended }) => ended)
    t.equal(client.received.length % block.length, 0)
    t.equal(client.received, block.toString('latin1').repeat(client.received.length / block.length))
  },
)

t.test('HTTP is HTTP on a port that declares nothing', async t => {
  const port = await startApplication(t, (_request, response) => response.end('hello'))
  const { local, client } = await startOrders(t, port)
  t.match(await call(local), { status: 200, body: 'hello' })
  const { body } = await call(client.ports.admin, { path: '/metrics' })
  t.match(body, 'weft_protocol_detections_total{protocol="http/1.1",by="bytes"} 1')
})

t.test('tunnels are counted while they last and when they have ended', async t => {
  const { local, client: sidecar } = await startOrders(t, await startTcpApplication(t, talk))
  const metric = async (name: string): Promise<number> => {
    const { body } = await call(sidecar.ports.admin, { path: '/metrics' })
    const line = body.split('\n').find(text => text.startsWith(`${name}{direction="outbound"`))
    return Number(line?.split(' ').at(-1))
  }
  const client = await TcpClient.connect(t, local)
  await client.until(({ received }) => received.length === 11)
  client.socket.write('four')
  await client.until(({ received }) => received.length === 15)
  t.equal(await metric('weft_tunnels_opened_total'), 1)
  t.equal(await metric('weft_tunnels_closed_total'), 0)
  t.equal(await metric('weft_tunnel_received_bytes_total'), 4)
  t.equal(await metric('weft_tunnel_sent_bytes_total'), 15)
  client.socket.end()
  await client.until(({ ended }) => ended)
  t.equal(await metric('weft_tunnels_closed_total'), 1)
  t.ok((await metric('weft_tunnel_seconds_total')) > 0)
  const { body } = await call(sidecar.ports.admin, { path: '/metrics' })
  t.match(body, 'weft_protocol_detections_total{protocol="tcp",by="silence"} 1')
})

t.test('CONNECT on the outbound port is a tunnel to the service', async t => {
  const { client: sidecar } = await startOrders(t, await startTcpApplication(t, talk))
  const client = await TcpClient.connect(t, sidecar.ports.outbound)
  client.socket.write('CONNECT orders.default:80 HTTP/1.1\r\nHost: orders.default:80\r\n\r\n')
  await client.until(({ received }) => received.includes('ready'))
  client.socket.end('through the wall\r\n')
  await client.until(({ ended }) => ended)
  const [head = '', tunnel] = client.received.split('\r\n\r\n')
  t.match(head, /^HTTP\/1.1 200 /)
  t.notMatch(head, /content-length|transfer-encoding/i)
  t.equal(tunnel, '220 ready\r\nTHROUGH THE WALL\r\n221 bye\r\n')
})

t.test('a CONNECT to nowhere is answered with the reason', async t => {
  const { client: sidecar } = await startOrders(t, await startTcpApplication(t, talk))
  const client = await TcpClient.connect(t, sidecar.ports.outbound)
  client.socket.write('CONNECT nobody:80 HTTP/1.1\r\nHost: nobody:80\r\n\r\n')
  await client.until(({ received }) => received.includes('}'))
  t.match(client.received, /^HTTP\/1.1 404 [^]*x-weft-reason: no_route/)
})

t.test('a client of HTTP that has connected in advance is one of HTTP all the same', async t => {
  const port = await startApplication(t, (_request, response) => response.end('hello'))
  const { local, client: sidecar } = await startOrders(t, port)
  const client = await TcpClient.connect(t, local)
  await eventually(
    async () => (await call(sidecar.ports.admin, { path: '/metrics' })).body,
    text =>
      text.includes(
        'weft_tunnels_opened_total{direction="outbound",cluster="orders.default:80"} 1',
      ),
  )
  for (const part of ['GET / HT', 'TP/1.1\r\nHost: orders\r\n\r\n']) client.socket.write(part)
  await client.until(({ received }) => received.endsWith('hello'))
  t.match(client.received, /^HTTP\/1.1 200 /)
  client.received = ''
  client.socket.write('GET / HTTP/1.1\r\nHost: orders\r\n\r\n')
  await client.until(({ received }) => received.endsWith('hello'))
  const { body } = await call(sidecar.ports.admin, { path: '/metrics' })
  t.match(body, 'weft_protocol_detections_total{protocol="http/1.1",by="bytes"} 1')
  t.match(body, 'weft_tunnels_closed_total{direction="outbound",cluster="orders.default:80"} 1')
})
