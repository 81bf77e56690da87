import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'

/** Passes bytes on to a port of this machine, each way `delayMs` late. @returns its own port. */
export async function delayingProxy(
  t: Test,
  { port, delayMs }: { readonly port: number; readonly delayMs: number },
): Promise<number> {
  const sockets = new Set<Socket>()
  const pass = (from: Socket, to: Socket): void => {
    sockets.add(from)
    from.on('data', chunk => void setTimeout(() => to.write(chunk), delayMs))
    from.on('end', () => void setTimeout(() => to.end(), delayMs))
    from.on('error', () => to.destroy())
    from.on('close', () => void setTimeout(() => to.destroy(), delayMs))
  }
  const server = createServer(socket => {
    const upstream = connect(port, '127.0.0.1')
    pass(socket, upstream)
    pass(upstream, socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}
