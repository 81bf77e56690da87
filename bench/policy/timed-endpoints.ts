// Servers that take their time: each argument is PORT=MILLISECONDS.
import { createServer } from 'node:http'

for (const argument of process.argv.slice(2)) {
  const [port, delayMs] = argument.split('=').map(Number)
  const server = createServer((_, response) => {
    setTimeout(() => response.end('ok'), delayMs)
  })
  server.listen(port, '127.0.0.1')
}
