import http from 'node:http'

http
  .createServer((request, response) => {
    response.end(`hello ${new URL(request.url, 'http://localhost').searchParams.get('name')}\n`)
  })
  .listen(4000)

process.on('SIGTERM', () => process.exit(0))
