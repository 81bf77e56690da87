import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { waitUntilReady } from '../../../../src/cli/up/readiness.ts'

const ignore = (): void => {}

function child(failures = 0, recentOutput: readonly string[] = []) {
  const spec = {
    name: 'orders sidecar',
    command: 'x',
    arguments: [],
    environment: {},
    onStdout: ignore,
    onStderr: ignore,
  }
  return { spec, failures, recentOutput }
}

/** Answers with one status after the other, the last for ever. */
async function probeOf(t: Test, ...statuses: number[]) {
  const paths: (string | undefined)[] = []
  const server = createServer((request, response) => {
    paths.push(request.url)
    response.statusCode = (statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 500
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { probe: { host: '127.0.0.1', port, path: '/ready' }, paths }
}

const forEver = { deadline: 1, now: () => 0 }

t.test('it asks until the answer is 200', async t => {
  const { probe, paths } = await probeOf(t, 503, 200)
  await waitUntilReady(child(), probe, forEver)
  t.same(paths, ['/ready', '/ready'])
})

t.test('at the deadline it tells the last answer and the child’s last lines', async t => {
  const { probe } = await probeOf(t, 503)
  const times = [0, 2]
  const until = { deadline: 1, now: () => times.shift() ?? 2 }
  await t.rejects(waitUntilReady(child(0, ['no token', 'giving up']), probe, until), {
    name: 'CommandError',
    message: `orders sidecar did not become ready: http://127.0.0.1:${probe.port}/ready answered 503. Its last lines:\n  | no token\n  | giving up`,
  })
})

t.test('it does not wait for a child that dies again and again', async t => {
  const { probe } = await probeOf(t, 503)
  await t.rejects(waitUntilReady(child(3), probe, forEver), /did not become ready/)
})
