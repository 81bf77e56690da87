import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import { issueIdentity, openAuthority } from '../support/authority.ts'
import { meshEndpoint, ordersSnapshot, startDataPlane } from '../support/data-plane.ts'
import { eventually, startApplication } from '../support/mesh.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes outside the heap that this process, so both sidecars, client and application together, holds. */
function heldBytes(): number {
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}

async function startPair(t: Test, handler: http.RequestListener): Promise<number> {
  const authority = await openAuthority(t)
  const application = await startApplication(t, handler)
  const callee = await startDataPlane(t, await issueIdentity(authority, 'orders'), [application])
  callee.plane.apply(ordersSnapshot({}))
  const caller = await startDataPlane(t, await issueIdentity(authority, 'web'))
  const endpoint = meshEndpoint(application, callee.plane.ports.inbound, 'orders')
  caller.plane.apply(ordersSnapshot({ endpoints: [endpoint] }))
  return caller.port
}

/** Resolves when `read` says the same for as many turns of the event loop as a stall deserves. */
async function settled(read: () => number): Promise<number> {
  let last = -1
  let same = 0
  return eventually(
    () => {
      same = read() === last ? same + 1 : 0
      last = read()
      return last
    },
    () => same > 25,
  )
}

/** Both sidecars are in this process and measured together, with the slabs that both keep for the next writes. */
const bound = 1.5 * 1024 * 1024

t.test('an endless answer to a client that reads nothing stops at the source', async t => {
  let written = 0
  let unsent = (): number => 0
  const chunk = Buffer.alloc(64 * 1024)
  const port = await startPair(t, (_request, response) => {
    unsent = () => response.writableLength
    const pump = (): void => {
      do written += chunk.length
      while (response.write(chunk))
    }
    response.on('drain', pump)
    pump()
  })
  const before = heldBytes()
  const client = net.connect(port, '127.0.0.1')
  t.teardown(() => client.destroy())
  client.pause()
  client.write('GET / HTTP/1.1\r\nHost: orders\r\n\r\n')
  await settled(() => written)
  t.ok(written > 256 * 1024, 'it began')
  // What the application itself has not got rid of lies in this process too.
  const held = heldBytes() - before - unsent()
  t.ok(held < bound, `${held} bytes held of ${written} written`)
})

t.test('an endless request to an application that reads nothing stops at the source', async t => {
  const arrived = Promise.withResolvers<void>()
  const port = await startPair(t, request => {
    request.pause()
    arrived.resolve()
  })
  const before = heldBytes()
  const client = net.connect(port, '127.0.0.1')
  t.teardown(() => client.destroy())
  client.write('POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n')
  const chunk = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`)
  let written = 0
  const pump = (): void => {
    do written += chunk.length
    while (client.write(chunk))
  }
  client.on('drain', pump)
  await arrived.promise
  pump()
  await settled(() => written)
  const held = heldBytes() - before - client.writableLength
  t.ok(held < bound, `${held} bytes held of ${written} written`)
})

t.test('a slow client gets every byte', async t => {
  const size = 8 * 1024 * 1024
  const body = randomBytes(size)
  const port = await startPair(t, (_request, response) => response.end(body))
  const request = http.get({ host: '127.0.0.1', port, agent: false })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    response.pause()
    setImmediate(() => response.resume())
  })
  await once(response, 'end')
  t.ok(Buffer.concat(chunks).equals(body))
})
