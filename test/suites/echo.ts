// The application behind h2spec: answers every request with what it was sent.
import http2 from 'node:http2'

const server = http2.createServer()
server.on('stream', (stream, { ':method': method }) => {
  stream.on('error', () => stream.close())
  stream.respond({ ':status': 200, 'content-type': 'text/plain' })
  if (method === 'GET') stream.write('hello')
  stream.pipe(stream)
})
server.on('session', session => session.on('error', () => session.destroy()))
server.listen(Number(process.env['PORT']), '127.0.0.1')
process.once('SIGTERM', () => process.exit())
