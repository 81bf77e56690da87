import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import tls from 'node:tls'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { readClientHello } from '../../../../src/proxy/listener/client-hello.ts'

/** What a real client says first. */
async function helloOf(t: Test, options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = tls.connect({ ...options, host: '127.0.0.1', port, rejectUnauthorized: false })
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  const chunks: Buffer[] = []
  while (readClientHello(Buffer.concat(chunks)) === 'incomplete')
    chunks.push((await once(socket, 'data'))[0] as Buffer)
  client.destroy()
  socket.destroy()
  server.close()
  t.ok(chunks.length > 0)
  return Buffer.concat(chunks)
}

/** The same message in records of `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5)
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    const piece = message.subarray(at, at + size)
    const header = Buffer.from([22, 3, 1, 0, 0])
    header.writeUInt16BE(piece.length, 3)
    records.push(header, piece)
  }
  return Buffer.concat(records)
}

t.test('the name that a client asks for is read, of every version', async t => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const versions = { minVersion: version, maxVersion: version }
    const named = await helloOf(t, { ...versions, servername: 'Orders.Default.svc' })
    t.strictSame(readClientHello(named), { serverName: 'orders.default.svc' })
    const nameless = await helloOf(t, versions)
    t.strictSame(readClientHello(nameless), { serverName: undefined })
  }
})

t.test('cut anywhere it is incomplete, and what follows it does not matter', async t => {
  const hello = await helloOf(t, { servername: 'orders' })
  for (let cut = 0; cut < hello.length; cut++)
    t.equal(readClientHello(hello.subarray(0, cut)), 'incomplete', `${cut} bytes`)
  const more = Buffer.concat([hello, Buffer.from([23, 3, 3, 0, 1, 0])])
  t.strictSame(readClientHello(more), { serverName: 'orders' })
})

t.test('a hello with large key shares, in records of every size, is read', async t => {
  const alpn = Array.from({ length: 250 }, (_, index) => `protocol-${index}`)
  const hello = await helloOf(t, { servername: 'orders', ALPNProtocols: alpn })
  t.ok(hello.length > 3000, `${hello.length} bytes`)
  for (const size of [3, 4, 5, 100, 1500, 3000]) {
    const bytes = inRecords(hello, size)
    t.strictSame(readClientHello(bytes), { serverName: 'orders' }, `records of ${size}`)
    t.equal(readClientHello(bytes.subarray(0, -1)), 'incomplete')
  }
})

t.test('what is no hello, or too long for one, is told at once', async t => {
  const others = {
    'another protocol': Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'),
    'another kind of record': Buffer.from([23, 3, 3, 0, 2, 1, 0]),
    'another version': Buffer.from([22, 2, 0]),
    'an empty record': Buffer.from([22, 3, 1, 0, 0]),
    'another message': Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]),
    'a hello without an end, in records of a byte': inRecords(
      Buffer.from([0, 0, 0, 0, 0, 1, 0, 16, ...Buffer.alloc(4000)]),
      1,
    ),
    'a message of 16 MiB': Buffer.from([22, 3, 1, 0, 4, 1, 255, 255, 255]),
    'a message that ends too soon': Buffer.from([22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3]),
  }
  for (const [name, bytes] of Object.entries(others))
    t.equal(readClientHello(bytes), undefined, name)
})

t.test('a name that is no host name is no name', async t => {
  const hello = await helloOf(t, { servername: 'orders' })
  const at = hello.indexOf('orders')
  for (const name of ['ord\0rs', 'or ers', '.rders', 'order.', '10.0:8', 'ord\u00e9rs']) {
    const changed = Buffer.from(hello)
    changed.write(name, at, 'latin1')
    t.strictSame(readClientHello(changed), { serverName: undefined }, JSON.stringify(name))
  }
})

t.test('no bytes make it throw', async t => {
  const hello = await helloOf(t, { servername: 'orders' })
  const mutated = fc
    .array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 20 })
    .map(changes => {
      const bytes = Buffer.from(hello)
      for (const [at, value] of changes) bytes[at] = value
      return bytes
    })
  const garbage = fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from([22, 3, 1, ...bytes]))
  fc.assert(
    fc.property(fc.oneof(mutated, garbage), bytes => {
      const found = readClientHello(bytes)
      return found === undefined || found === 'incomplete' || 'serverName' in found
    }),
    { numRuns: 2000 },
  )
  t.pass()
})
