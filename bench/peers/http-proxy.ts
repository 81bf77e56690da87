// One hop on the http-proxy package. Arguments: own port, backend's port.
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'

// Node keeps compiled code at an exit, not at death by signal; without it the type stripper stays in memory.
process.once('SIGTERM', () => process.exit())

const [port, backendPort] = process.argv.slice(2).map(Number)
const proxy = httpProxy.createProxyServer({
  target: `http://127.0.0.1:${backendPort}`,
  agent: new Agent({ keepAlive: true, maxSockets: 64 }),
})

createServer((request, response) => proxy.web(request, response)).listen(port, '127.0.0.1')
