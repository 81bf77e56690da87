import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../../src/base/log.ts'
import { Scaler, type ScalerOptions } from '../../../../src/control/scaling/scaler.ts'
import type { Activation } from '../../../../src/discovery/message.ts'
import { functionLabel } from '../../../../src/model/function/function.ts'
import type { Registration } from '../../../../src/model/registration.ts'
import { mockTime } from '../../../support/mock-time.ts'
import { configurationIn } from '../../model/configurations.ts'
import { FakeDriver } from './fake-driver.ts'

t.beforeEach(t => mockTime(t, ['setTimeout', 'setInterval']))

const functionYaml = (scale: string, more = '  command: [run]\n  code: /code\n', name = 'echo') => `
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: ${name} }
spec:
  scale: ${scale}
${more}`

const docker = '  driver: docker\n  image: echo:1\n'
const gone = '{ zero: gone, keepAlive: 60s, max: 8 }'

interface SetUp {
  readonly yaml?: readonly string[]
  readonly driver?: FakeDriver
  readonly bounds?: ScalerOptions['bounds']
  readonly running?: number
}

function setUp(
  t: Test,
  { yaml = [functionYaml(gone)], driver = new FakeDriver(), bounds }: SetUp = {},
) {
  const clock = { now: 1_000_000 }
  const state = { functions: configurationIn(...yaml).functions, hosts: [] as Registration[] }
  const connected = new Set<string>()
  const published: number[] = []
  const others = new FakeDriver()
  const docked = yaml.some(text => text.includes('docker')) ? driver : others
  const scaler = new Scaler({
    drivers: { process: driver, docker: docked },
    functions: () => state.functions,
    registrations: () => state.hosts,
    isConnected: ({ name }) => connected.has(name),
    removeRegistration: ({ name }) => {
      state.hosts = state.hosts.filter(host => host.name !== name)
      scaler.registrationsChanged()
    },
    publish: () => published.push(clock.now),
    now: () => clock.now,
    random: () => 1,
    logger: silentLogger,
    ...(bounds !== undefined && { bounds }),
  })
  t.teardown(() => scaler.close())
  const host = (name: string, ready = true): void => {
    connected.add(name)
    state.hosts = [...state.hosts.filter(other => other.name !== name), registration(name, ready)]
    scaler.registrationsChanged()
  }
  const pass = async (ms: number, stepMs = 500): Promise<void> => {
    for (let passed = 0; passed < ms; passed += stepMs) {
      clock.now += stepMs
      mock.timers.tick(stepMs)
      await settle()
    }
  }
  const caller = () => {
    const answers: Activation[] = []
    return { answers, send: (answer: Activation) => void answers.push(answer) }
  }
  const activate = (who = caller(), waiting = 1, name = 'echo.default') => {
    scaler.activate(who, { type: 'activate', function: name, waiting })
    return who
  }
  const load = (active: number, name = 'echo-0', ready = 1): void =>
    scaler.load(
      { namespace: 'default', name },
      { type: 'load', function: 'echo.default', active, queued: 0, ready },
    )
  scaler.configurationChanged()
  return {
    scaler,
    driver,
    others,
    state,
    connected,
    published,
    clock,
    host,
    pass,
    caller,
    activate,
    load,
  }
}

function registration(name: string, ready: boolean): Registration {
  return {
    namespace: 'default',
    name,
    serviceAccount: 'echo',
    labels: { [functionLabel]: 'echo' },
    address: '127.0.0.1',
    ports: [],
    meshPort: 15_008,
    identity: 'spiffe://weft.local/ns/default/sa/echo',
    ready,
  }
}

/** Promises that are settled have had their say. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
}

t.test('the driver is called within the call that asks for it', async t => {
  const { driver, activate } = setUp(t)
  await settle()
  const { answers } = activate()
  t.strictSame(driver.calls, [1])
  t.strictSame(answers, [{ type: 'activation', function: 'echo.default', state: 'starting' }])
})

t.test('however many ask, it is called once', async t => {
  const { driver, activate } = setUp(t)
  await settle()
  for (let count = 0; count < 100; count++) activate()
  await settle()
  for (let count = 0; count < 100; count++) activate()
  t.strictSame(driver.calls, [1])
})

t.test('the push is not kept waiting when the host that is waited for comes', async t => {
  const { activate, host, published, driver } = setUp(t)
  await settle()
  activate()
  await settle()
  host('echo-0', false)
  t.equal(published.length, 0)
  host('echo-0')
  t.equal(published.length, 1)
  t.strictSame(driver.met, ['echo-0'])
  host('echo-1')
  t.equal(published.length, 1, 'nobody waited for that one')
})

t.test('those who ask later are told how long starts take', async t => {
  const { activate, host, pass, state, scaler } = setUp(t)
  await settle()
  activate()
  await pass(700, 100)
  host('echo-0')
  state.hosts = []
  scaler.registrationsChanged()
  const { answers } = activate()
  t.match(answers, [{ state: 'starting', coldMs: 700 }])
})

t.test(
  'what the driver says reaches those who wait, and those who come while it rests',
  async t => {
    const { driver, activate, pass } = setUp(t)
    await settle()
    driver.work = () => Promise.reject(new Error('no such image: echo:1'))
    const first = activate()
    await settle()
    t.match(first.answers, [
      { state: 'starting' },
      { state: 'refused', reason: 'no such image: echo:1' },
    ])
    const second = activate()
    t.match(second.answers, [{ state: 'refused', reason: 'no such image: echo:1' }])
    t.strictSame(driver.calls, [1])
    driver.work = async () => {}
    await pass(1000)
    const third = activate()
    t.match(third.answers, [{ state: 'starting' }])
    t.equal(driver.calls.at(-1), 1)
  },
)

t.test('each further failure makes the rest longer', async t => {
  const { driver, activate, pass } = setUp(t)
  await settle()
  driver.work = hosts => (hosts > 0 ? Promise.reject(new Error('no')) : Promise.resolve())
  activate()
  await settle()
  await pass(500)
  activate()
  await settle()
  await pass(500)
  const { answers } = activate()
  t.match(answers, [{ state: 'refused' }], 'the second rest is of a second')
  t.equal(driver.calls.filter(Boolean).length, 2)
})

t.test('a host that does not come in time is given up, and taken away', async t => {
  const { driver, activate, pass } = setUp(t, { bounds: { readyMs: 5000 } })
  await settle()
  const { answers, ...waiting } = activate()
  await settle()
  await pass(3000)
  activate({ answers, ...waiting })
  await pass(2000)
  t.match(answers.at(-1), { state: 'refused', reason: /did not come within 5000 ms/ })
  await pass(1000)
  t.equal(driver.calls.at(-1), 0)
})

t.test('a driver that never answers is given up', async t => {
  const { driver, activate } = setUp(t, { bounds: { driverMs: 20 } })
  await settle()
  driver.work = (_, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const { answers } = activate()
  // The timers of AbortSignal are real ones.
  while (answers.length < 2) await new Promise(resolve => setImmediate(resolve))
  t.match(answers.at(-1), { state: 'refused' })
})

t.test('it stays while there is work, and goes when there was none for its keep-alive', async t => {
  const { driver, activate, host, pass, load } = setUp(t)
  await settle()
  activate()
  await settle()
  host('echo-0')
  for (let second = 0; second < 100; second++) {
    load(1)
    await pass(1000)
  }
  t.strictSame(driver.calls, [1])
  load(0)
  await pass(55_000)
  t.strictSame(driver.calls, [1])
  await pass(15_000)
  t.strictSame(driver.calls, [1, 0])
})

t.test('more work brings more hosts, up to the most', async t => {
  const driver = new FakeDriver(1)
  const { activate, host, pass, load } = setUp(t, { driver, yaml: [functionYaml(gone, docker)] })
  await settle()
  activate()
  await settle()
  host('echo-0')
  for (let second = 0; second < 10; second++) {
    load(3)
    await pass(1000)
  }
  t.ok((driver.calls.at(-1) ?? 0) >= 3, String(driver.calls))
  for (let second = 0; second < 30; second++) {
    load(100)
    await pass(1000)
  }
  t.equal(driver.calls.at(-1), 8)
})

t.test('a burst at nothing asks for as many as it needs at once', async t => {
  const driver = new FakeDriver(1)
  const { activate, caller } = setUp(t, { driver, yaml: [functionYaml(gone, docker)] })
  await settle()
  activate(caller(), 300)
  await settle()
  t.strictSame(driver.calls, [8])
})

t.test('one that its sidecar runs all the time is none of ours', async t => {
  const { driver, activate } = setUp(t, { yaml: [functionYaml('{}')] })
  await settle()
  const { answers } = activate()
  t.match(answers, [{ state: 'refused', reason: /does not start echo.default/ }])
  t.match(activate(undefined, 1, 'none.default').answers, [{ reason: /no function none/ }])
  t.strictSame(driver.calls, [])
})

t.test('what another process of ours has started is taken over', async t => {
  const driver = new FakeDriver()
  driver.running = 1
  const { host, pass } = setUp(t, { driver })
  host('echo-0')
  await settle()
  t.notOk(driver.calls.includes(0))
  await pass(70_000)
  t.equal(driver.calls.at(-1), 0, 'and goes when it is idle')
})

t.test('a host that dies is forgotten and replaced', async t => {
  const { scaler, driver, connected, state, activate, host } = setUp(t)
  await settle()
  activate()
  await settle()
  host('echo-0')
  connected.delete('echo-0')
  driver.running = 0
  scaler.disconnected({ send() {} }, { namespace: 'default', name: 'echo-0' }, 'echo')
  await settle()
  t.strictSame(state.hosts, [])
  t.strictSame(driver.calls, [1, 1])
})

t.test('a host that only lost its stream is kept', async t => {
  const { scaler, driver, connected, state, activate, host } = setUp(t)
  await settle()
  activate()
  await settle()
  host('echo-0')
  connected.delete('echo-0')
  scaler.disconnected({ send() {} }, { namespace: 'default', name: 'echo-0' }, 'echo')
  await settle()
  t.equal(state.hosts.length, 1)
  t.strictSame(driver.calls, [1])
})

t.test('a host that dies before it comes is a failed start', async t => {
  const { driver, activate } = setUp(t)
  await settle()
  const { answers } = activate()
  await settle()
  driver.running = 0
  driver.onLost('echo.default', 'it exited with code 1')
  await settle()
  t.match(answers.at(-1), { state: 'refused', reason: 'it exited with code 1' })
})

t.test('one that dies while the driver still works is noticed after', async t => {
  const { driver, activate } = setUp(t)
  await settle()
  const started = Promise.withResolvers<void>()
  driver.work = () => started.promise
  const { answers } = activate()
  driver.onLost('echo.default', 'it exited with code 1')
  const current = driver.current.bind(driver)
  driver.current = async () => 0
  started.resolve()
  await settle()
  driver.current = current
  t.match(answers.at(-1), { state: 'refused', reason: 'it exited with code 1' })
})

t.test('a caller that goes is not told anything more', async t => {
  const { scaler, driver, activate } = setUp(t)
  await settle()
  const failed = Promise.withResolvers<void>()
  driver.work = () => failed.promise
  const caller = activate()
  scaler.disconnected(caller, { namespace: 'default', name: 'web' })
  failed.reject(new Error('no'))
  await settle()
  t.equal(caller.answers.length, 1)
})

t.test('a function that is taken out of the configuration is ended', async t => {
  const { scaler, driver, state, activate, host } = setUp(t)
  await settle()
  activate()
  await settle()
  host('echo-0')
  state.functions = []
  scaler.configurationChanged()
  await settle()
  t.strictSame(driver.calls, [1, 0])
  t.strictSame(scaler.status, [])
})

t.test('a function that is to be run by another driver is ended by the one before', async t => {
  const { scaler, driver, state, activate, others } = setUp(t)
  await settle()
  activate()
  await settle()
  state.functions = configurationIn(functionYaml(gone, docker)).functions
  scaler.configurationChanged()
  await settle()
  t.strictSame(driver.calls, [1, 0])
  activate()
  t.equal(others.calls.at(-1), 1)
})

t.test('at its end nothing that runs is touched', async t => {
  const { scaler, driver, activate, host } = setUp(t)
  await settle()
  activate()
  await settle()
  host('echo-0')
  await scaler.close()
  t.strictSame(driver.calls, [1])
})

t.test('while it is starting an end waits for the call to the driver', async t => {
  const { scaler, driver, activate } = setUp(t)
  await settle()
  driver.work = (_, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  activate()
  await scaler.close()
  t.strictSame(driver.calls, [1])
})
