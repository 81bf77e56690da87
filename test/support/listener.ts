import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, ServerOpts, Socket } from 'node:net'

/** A TCP server on a free port that dies with its sockets. */
export async function listen(onSocket: (socket: Socket) => void, options: ServerOpts = {}) {
  const sockets = new Set<Socket>()
  const server = net.createServer(options, socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
