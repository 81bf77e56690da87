// A function that is a server of HTTP, as Cloud Run runs them: what it does stands in the path.
import http from 'node:http'
import { WebSocketServer } from 'ws'

let active = 0

const actions = {
  '/environment': (request, response, query) => response.end(process.env[query.get('name')] ?? ''),
  '/pid': (request, response) => response.end(String(process.pid)),
  '/exit': () => process.exit(3),
  '/hang': () => {},
  '/missing': (request, response) => response.writeHead(404).end('no such thing'),
  '/sleep': (request, response, query) => {
    active++
    setTimeout(() => response.end(`${process.pid} ${active--}`), Number(query.get('ms')))
  },
  '/stream': (request, response) => {
    response.write('one')
    request.once('data', chunk => response.end(` ${chunk}`))
  },
  // Where events are posted that did not come by HTTP.
  '/': async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    if (body.includes('"fail"')) return response.writeHead(500).end('it failed')
    const { method, headers } = request
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, type: headers['content-type'], body }))
  },
}

const server = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost')
  const action = actions[pathname] ?? actions['/missing']
  void action(request, response, searchParams)
})
new WebSocketServer({ server }).on('connection', socket =>
  socket.on('message', data => socket.send(data)),
)
const delayMs = Number(process.env.START_DELAY ?? 0)
setTimeout(() => server.listen(process.env.PORT), delayMs)
