import http from 'node:http'

const { GREETINGS_URL } = process.env

async function greet(request, response) {
  const name = new URL(request.url, 'http://localhost').pathname.slice(1) || 'world'
  try {
    const answer = await fetch(`${GREETINGS_URL}/?name=${encodeURIComponent(name)}`)
    response.writeHead(answer.status).end(await answer.text())
  } catch (error) {
    response.writeHead(502).end(`${error.cause?.message ?? error.message}\n`)
  }
}

http.createServer((request, response) => void greet(request, response)).listen(3000)

process.on('SIGTERM', () => process.exit(0))
