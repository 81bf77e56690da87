// A runtime that somebody else starts, as in a pod: it finds the Runtime API at a port that is known.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import t, { type Test } from 'tap'
import { ExternalDriver } from '../../src/functions/runtime/external-sandbox.ts'
import { testInstance } from '../support/functions/instance.ts'
import { functionSpec } from '../support/functions/sandbox.ts'

const runtime = resolve(import.meta.dirname, '../support/functions/runtime.mjs')

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function startRuntime(t: Test, port: number): ChildProcess {
  const child = spawn(process.execPath, [runtime], {
    env: { AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}` },
    stdio: 'ignore',
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

t.test('it is served when it comes, and again when it comes back', async t => {
  const port = await freePort()
  const spec = functionSpec({ driver: 'kubernetes', initTimeoutMs: 1 })
  const { instance, ready, room, invoke } = testInstance(t, spec, new ExternalDriver(port))
  await instance.start()
  t.equal(instance.pid, undefined)
  const first = startRuntime(t, port)
  t.equal(await ready, undefined)
  t.equal(await invoke({ action: 'pid' }), first.pid)
  await room()
  instance.freeze()
  t.notOk(instance.frozen)
  const lost = invoke({ action: 'hang' })
  first.kill('SIGKILL')
  await once(first, 'exit')
  const second = startRuntime(t, port)
  await t.rejects(lost, { message: /^Runtime.ExitError: .* exited without providing a reason$/ })
  t.equal(await invoke({ action: 'pid' }), second.pid)
})

t.test('its end while it has nothing to do costs no event', async t => {
  const port = await freePort()
  const { instance, room, rooms, invoke } = testInstance(
    t,
    functionSpec({ driver: 'docker' }),
    new ExternalDriver(port),
  )
  await instance.start()
  const first = startRuntime(t, port)
  await room()
  first.kill('SIGKILL')
  await once(first, 'exit')
  const second = startRuntime(t, port)
  while (rooms() < 2) await new Promise(setImmediate)
  t.equal(await invoke({ action: 'pid' }), second.pid)
})

t.test('one that hangs fails its event, and is left to those who started it', async t => {
  const port = await freePort()
  const spec = functionSpec({ driver: 'docker', timeoutMs: 100 })
  const { instance, invoke } = testInstance(t, spec, new ExternalDriver(port))
  await instance.start()
  const child = startRuntime(t, port)
  await t.rejects(invoke({ action: 'hang' }), { message: /^Sandbox.Timedout/ })
  t.notOk(instance.retired)
  t.equal(child.exitCode, null)
})
