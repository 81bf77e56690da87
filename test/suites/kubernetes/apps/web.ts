// Answers with what it is; GET /break and /heal change what GET /healthz says.
import http from 'node:http'
import { reportProxy } from './first-look.ts'

await reportProxy()
let healthy = true

const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/heal') healthy = true
  if (pathname === '/break') healthy = false
  if (pathname === '/healthz' && !healthy) response.statusCode = 503
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ pod: process.env['HOSTNAME'], version: process.env['VERSION'] }))
})
server.listen(Number(process.env['PORT'] ?? 8080))

process.once('SIGTERM', () => {
  console.log('SIGTERM')
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
