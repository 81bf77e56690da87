import net from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import {
  decodeSocketAddress,
  loadOriginalDestination,
} from '../../../../src/proxy/listener/original-destination.ts'

/** In the byte order of this machine. */
function family(number: number): string {
  return Buffer.from(new Uint16Array([number]).buffer).toString('hex')
}

function decode(hex: string) {
  const bytes = Buffer.alloc(28)
  bytes.write(hex.replaceAll(' ', ''), 'hex')
  return decodeSocketAddress(bytes)
}

t.test('addresses of both families are read', async t => {
  t.strictSame(decode(`${family(2)} 1f90 0a090002`), { host: '10.9.0.2', port: 8080 })
  const loopback = '00000000000000000000000000000001'
  t.strictSame(decode(`${family(10)} 0050 00000000 ${loopback}`), { host: '::1', port: 80 })
  const fd09 = 'fd090000000000000000000000000002'
  t.strictSame(decode(`${family(10)} 0050 00000000 ${fd09}`), { host: 'fd09::2', port: 80 })
  const mapped = '00000000000000000000ffff0a090002'
  t.strictSame(decode(`${family(10)} 0050 00000000 ${mapped}`), { host: '10.9.0.2', port: 80 })
  t.equal(decode(`${family(1)} 0050`), undefined)
})

const read = await loadOriginalDestination().catch(() => () => undefined)

t.test('a connection that nobody has redirected has no other destination', async t => {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const client = net.connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  t.equal(read(socket), undefined)
  client.destroy()
  socket.destroy()
  t.equal(read(socket), undefined, 'nor has one that is closed')
})
