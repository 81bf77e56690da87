// An application with WebSockets that echo: `node websocket-server.ts PORT`.
import { createHash } from 'node:crypto'
import http, { type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

const handshakeGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** RFC 6455 §4.2.2. What follows the handshake is echoed as bytes, which is all that a sidecar sees of it. */
function accept({ headers }: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => socket.destroy())
  const key = headers['sec-websocket-key'] ?? ''
  const digest = createHash('sha1')
    .update(key + handshakeGuid)
    .digest('base64')
  const fields = ['Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Accept: ${digest}`]
  socket.write(['HTTP/1.1 101 Switching Protocols', ...fields, '', ''].join('\r\n'))
  socket.on('data', (chunk: Buffer) => socket.write(chunk))
}

http
  .createServer((_, response) => response.end('up'))
  .on('upgrade', accept)
  .listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 })
