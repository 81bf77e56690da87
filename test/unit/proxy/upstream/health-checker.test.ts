import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { startHealthCheck } from '../../../../src/proxy/upstream/health-checker.ts'

const policy = {
  path: '/healthz',
  intervalMs: 5,
  timeoutMs: 500,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
}

/** An application that answers with `status` and counts how often it was asked. */
async function application() {
  const seen = { status: 200, asked: 0, path: '' }
  const server = createServer((request, response) => {
    seen.asked++
    seen.path = request.url ?? ''
    response.writeHead(seen.status).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = () => {
    server.closeAllConnections()
    return new Promise<void>(resolve => server.close(() => resolve()))
  }
  return { seen, port, stop }
}

t.test('the verdict changes after as many equal results as the thresholds say', async t => {
  const { seen, port, stop } = await application()
  t.teardown(stop)
  const verdicts: { healthy: boolean; asked: number }[] = []
  let changed: () => void = () => {}
  seen.status = 500
  const stopCheck = startHealthCheck({
    target: { host: '127.0.0.1', port },
    policy,
    random: () => 0.5,
    onChange: healthy => {
      verdicts.push({ healthy, asked: seen.asked })
      changed()
    },
  })
  t.teardown(stopCheck)
  const nextChange = () => new Promise<void>(resolve => (changed = resolve))
  await nextChange()
  t.strictSame(verdicts[0], { healthy: false, asked: 3 })
  t.equal(seen.path, '/healthz')
  seen.status = 204
  const before = seen.asked
  await nextChange()
  t.equal(verdicts[1]?.healthy, true)
  t.ok((verdicts[1]?.asked ?? 0) - before <= 3)
})

t.test('nobody listening is unhealthy, and a stopped check says nothing more', async t => {
  const { port, stop } = await application()
  await stop()
  const verdicts: boolean[] = []
  await new Promise<void>(resolve => {
    const stopCheck = startHealthCheck({
      target: { host: '127.0.0.1', port },
      policy: { ...policy, unhealthyThreshold: 1 },
      random: () => 0.5,
      onChange: healthy => {
        verdicts.push(healthy)
        stopCheck()
        resolve()
      },
    })
  })
  t.strictSame(verdicts, [false])
})
