import { execFileSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../../../src/base/log.ts'
import { DockerDriver } from '../../../../../src/control/scaling/docker/docker-driver.ts'
import { dockerSettings } from '../../../../../src/control/scaling/docker/docker-settings.ts'
import type { HostAdmission } from '../../../../../src/control/scaling/host-admission.ts'
import { eventually } from '../../../../support/mesh.ts'
import { FakeDocker } from '../../../../support/functions/fake-docker.ts'
import { scaledFunction } from '../scaled-function.ts'

const echo = scaledFunction({ image: 'echo:1', memoryMib: 64, environment: { GREETING: 'hello' } })
const prefix = 'weft-default-echo-host'

async function setUp(t: Test, changes: object = {}) {
  const docker = await FakeDocker.start(t)
  const admitted: object[] = []
  const admission = {
    admit: async (record: object) => {
      admitted.push(record)
      return { token: 'a-token', trustBundle: 'PEM', trustDomain: 'weft.local' }
    },
  }
  const driver = new DockerDriver({
    settings: dockerSettings.parse({
      socket: docker.socket,
      controlPlane: { host: 'control', port: 15_012 },
      sidecar: { image: 'weft:1', network: 'mesh', user: '1000:1001' },
      ...changes,
    }),
    admission: admission as HostAdmission,
    random: () => 0,
    logger: silentLogger,
  })
  t.teardown(() => driver.close())
  const signal = AbortSignal.timeout(10_000)
  const ensure = (hosts: number, fn = echo) => driver.ensure(fn, hosts, signal)
  const ready = async (host: string) => driver.hostReady(echo, host, signal)
  const current = () => driver.current(echo, signal)
  return { docker, driver, admitted, ensure, ready, current, signal }
}

t.test('a host is a sidecar, and the code beside it once the sidecar has come', async t => {
  const { docker, ensure, ready, current } = await setUp(t)
  await ensure(1)
  t.strictSame(docker.list, [`${prefix}-0 running`, `${prefix}-0-runtime created`])
  t.equal(await current(), 1)
  await ready('echo-host-0')
  t.strictSame(docker.list, [`${prefix}-0 running`, `${prefix}-0-runtime running`])
})

t.test('containers are as the template says, with no more rights than they need', async t => {
  const { docker, ensure } = await setUp(t)
  await ensure(1)
  const [sidecar, runtime] = [...docker.containers.values()]
  const hardened = { CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'], PidsLimit: 1024 }
  t.match(sidecar?.body, {
    Image: 'weft:1',
    Cmd: ['proxy', '--config', '/etc/weft/bootstrap.json'],
    User: '1000:1001',
    HostConfig: { NetworkMode: 'mesh', Memory: 256 * 1024 * 1024, ...hardened },
    Labels: { 'weft.dev/function': 'echo.default', 'weft.dev/host': 'echo-host-0' },
  })
  t.match(runtime?.body, {
    Image: 'echo:1',
    HostConfig: { NetworkMode: `container:${sidecar?.id}`, Memory: 64 * 1024 * 1024, ...hardened },
    Labels: { 'weft.dev/function': 'echo.default', 'weft.dev/role': 'runtime' },
  })
  for (const variable of [
    'AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001',
    'AWS_LAMBDA_FUNCTION_NAME=echo',
    'LAMBDA_TASK_ROOT=/var/task',
    'GREETING=hello',
  ])
    t.ok(runtime?.body.Env.includes(variable), variable)
  t.notOk(JSON.stringify([sidecar?.body, runtime?.body]).includes('rivileged"'))
})

t.test('the sidecar finds its papers in its container, and nobody else can read them', async t => {
  const { docker, ensure, admitted } = await setUp(t)
  await ensure(1)
  const [sidecar] = [...docker.containers.values()]
  const tar = (...args: string[]) =>
    execFileSync('tar', args, { input: sidecar?.archive, encoding: 'utf8' })
  t.match(tar('-tv', '--numeric-owner'), /-rw------- 1000\/1001 .* etc\/weft\/join-token/)
  t.equal(tar('-xO', 'etc/weft/join-token'), 'a-token')
  t.equal(tar('-xO', 'etc/weft/trust-bundle.pem'), 'PEM')
  t.match(JSON.parse(tar('-xO', 'etc/weft/bootstrap.json')), {
    workload: { name: 'echo-host-0', labels: { 'weft.dev/function': 'echo' } },
    controlPlane: { host: 'control', port: 15_012, trustDomain: 'weft.local' },
    hostsFunction: true,
    advertise: `${prefix}-0`,
  })
  t.match(admitted, [{ name: 'echo-host-0', namespace: 'default', serviceAccount: 'echo' }])
})

t.test('more and fewer hosts come to what is wanted, whatever is there', async t => {
  const { docker, ensure, current } = await setUp(t)
  await ensure(3)
  t.equal(await current(), 3)
  await ensure(3)
  t.equal(docker.containers.size, 6)
  docker.die(`${prefix}-1`)
  t.equal(await current(), 2)
  await ensure(2)
  t.equal(docker.containers.size, 4, 'what is broken goes')
  await ensure(1)
  await ensure(0)
  t.strictSame(docker.list, [])
  await ensure(1)
  t.ok(docker.list.includes(`${prefix}-0 running`), 'its name is free again')
})

t.test('the sidecar is stopped first, which finishes what it has', async t => {
  const { docker, ensure, ready } = await setUp(t)
  await ensure(1)
  await ready('echo-host-0')
  docker.requests.length = 0
  await ensure(0)
  t.strictSame(docker.requests, [
    'GET /containers/json',
    'POST /containers/id/stop',
    'POST /containers/id/stop',
    'DELETE /containers/id',
    'DELETE /containers/id',
  ])
})

t.test('of what fails half way nothing stays, and the engine has its say', async t => {
  for (const step of [
    'PUT /containers/id/archive',
    'POST /containers/id/start',
    'POST /containers/create',
  ]) {
    const { docker, ensure } = await setUp(t)
    docker.faults.set(step, 500)
    await t.rejects(ensure(1), { name: 'EngineError', message: "the engine's 500", status: 500 })
    docker.faults.clear()
    t.strictSame(docker.list, [], step)
  }
})

t.test('a name that is taken is no success', async t => {
  const { docker, ensure } = await setUp(t)
  docker.faults.set('POST /containers/create', 409)
  await t.rejects(ensure(1), { message: "the engine's 409" })
})

t.test('an engine that says nothing of use fails the call', async t => {
  const { docker, ensure, current } = await setUp(t)
  docker.faults.set('POST /containers/create', 'garbage')
  await t.rejects(ensure(1), /did not say which/)
  docker.faults.set('GET /containers/json', 'garbage')
  await t.rejects(current(), /is no list/)
})

t.test('an engine that hangs is given up with the signal', async t => {
  const { docker, driver } = await setUp(t)
  docker.faults.set('GET /containers/json', 'hang')
  const signal = AbortSignal.timeout(20)
  await t.rejects(driver.ensure(echo, 1, signal), /did not answer in time/)
})

t.test('a socket that dies fails the call, at whatever point', async t => {
  for (const fault of ['die', 'die within the body'] as const) {
    const { docker, ensure } = await setUp(t)
    docker.faults.set('POST /containers/create', fault)
    await t.rejects(ensure(1), { name: 'EngineError' }, fault)
  }
})

t.test('without an engine the error says where it was looked for', async t => {
  const { docker, ensure } = await setUp(t)
  await docker.stop()
  await t.rejects(ensure(1), new RegExp(`${docker.socket}`))
})

t.test('deaths are told, with their last words, also after the stream broke', async t => {
  const { docker, driver, ensure } = await setUp(t)
  const lost: string[][] = []
  driver.watch((name, why) => lost.push([name, why]))
  await ensure(1)
  await eventually(() => docker.listeners, Boolean)
  docker.die(`${prefix}-0`, '137')
  await eventually(() => lost.length, Boolean)
  t.strictSame(lost, [
    ['echo.default', 'the container of its sidecar ended with code 137; it said: its words'],
  ])
  docker.forget()
  await eventually(
    () => docker.listeners,
    count => count === 0,
  )
  await eventually(() => docker.listeners, Boolean)
  docker.die(`${prefix}-0`)
  await eventually(() => lost.length === 2, Boolean)
})

t.test('code is frozen and thawed, its sidecar goes on', async t => {
  const { docker, driver, ensure, ready, current, signal } = await setUp(t)
  await ensure(1)
  await ready('echo-host-0')
  await driver.freeze(echo, signal)
  t.strictSame(docker.list, [`${prefix}-0 running`, `${prefix}-0-runtime paused`])
  t.equal(await current(), 1)
  await driver.thaw(echo, signal)
  t.strictSame(docker.list, [`${prefix}-0 running`, `${prefix}-0-runtime running`])
  await driver.freeze(echo, signal)
  await ensure(0)
  t.ok(docker.requests.includes('POST /containers/id/unpause'), 'thawed before it is stopped')
  t.strictSame(docker.list, [])
})
