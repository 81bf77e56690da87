// One hop on node:http and an undici pool. Arguments: own port, backend's port.
import { createServer, type ServerResponse } from 'node:http'
import { Pool } from 'undici'

// Node keeps compiled code at an exit, not at death by signal; without it the type stripper stays in memory.
process.once('SIGTERM', () => process.exit())

const [port, backendPort] = process.argv.slice(2).map(Number)
const pool = new Pool(`http://127.0.0.1:${backendPort}`, { connections: 64, pipelining: 1 })

createServer((request, response) => {
  const options = {
    path: request.url ?? '/',
    method: request.method ?? 'GET',
    headers: request.headers,
    body: request.method === 'GET' ? null : request,
    opaque: response,
  }
  pool.stream<ServerResponse>(
    options,
    ({ statusCode, headers, opaque }) => opaque.writeHead(statusCode, headers),
    error => {
      if (error === null) return
      // A client that left has its head already.
      if (!response.headersSent) response.statusCode = 502
      response.end()
    },
  )
}).listen(port, '127.0.0.1')
