import { createServer } from 'node:net'
import t from 'tap'
import { listen, portOf } from '../../../src/control/listen.ts'

t.test('port 0 is whatever the system gives', async t => {
  const server = createServer()
  t.teardown(() => server.close())
  await listen(server, { host: '127.0.0.1', port: 0 }, 'push')
  t.ok(portOf(server) > 0)
})

t.test('a port that is taken is an error that names address and setting', async t => {
  const first = createServer()
  t.teardown(() => first.close())
  await listen(first, { host: '127.0.0.1', port: 0 }, 'push')
  const port = portOf(first)
  await t.rejects(listen(createServer(), { host: '127.0.0.1', port }, 'push'), {
    message: `cannot listen on 127.0.0.1:${port} (setting \`push\`): listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
    cause: { code: 'EADDRINUSE' },
  })
})
