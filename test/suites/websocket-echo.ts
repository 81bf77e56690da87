// The application behind the WebSocket cases: sends each message back as it came.
import { WebSocketServer } from 'ws'

const maxPayload = 64 * 1024 * 1024
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.env['PORT']),
  perMessageDeflate: true,
  maxPayload,
})
server.on('connection', socket => {
  socket.on('error', () => socket.terminate())
  socket.on('message', (data, binary) => socket.send(data, { binary }))
})
process.once('SIGTERM', () => process.exit())
