import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { Instance } from '../../../../src/functions/runtime/instance.ts'
import type { FunctionSpec } from '../../../../src/model/function/function.ts'
import { FakeDriver } from '../../../support/functions/fake-driver.ts'
import { functionSpec } from '../../../support/functions/sandbox.ts'

interface Scene {
  readonly instance: Instance
  readonly driver: FakeDriver
  readonly told: string[]
  /** The runtime asks for an event. */
  readonly poll: () => void
  readonly dispatch: (id: string) => void
}

interface SceneOptions {
  readonly spec?: Partial<FunctionSpec>
  readonly external?: boolean
  readonly environment?: () => Promise<Record<string, string>>
}

function scene(
  t: Test,
  { spec: changes, external = false, environment }: SceneOptions = {},
): Scene {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const told: string[] = []
  const driver = new FakeDriver({ external })
  const instance = new Instance({
    number: 1,
    spec: functionSpec(changes),
    driver,
    open: async (_session, port) => {
      told.push(`open ${port ?? 'any'}`)
      return { port: port ?? 1234, close: () => told.push('closed') }
    },
    environment: environment ?? (async ({ port }) => ({ PORT: String(port) })),
    onLine: (stream, text) => told.push(`${stream}: ${text}`),
    onReady: () => told.push('ready'),
    onDone: ({ invocation }) => told.push(`done ${invocation.id}`),
    onRoom: () => told.push('room'),
    onEnd: (_, fault) => told.push(`end ${fault?.message ?? ''}`),
    now: () => 1000,
    wallNow: () => 5000,
  })
  return {
    instance,
    driver,
    told,
    poll: () => instance.session.poll({ answer: ({ id }) => told.push(`got ${id}`) }),
    dispatch: id =>
      void instance.dispatch({
        id,
        payload: Buffer.from('{}'),
        functionArn: 'arn',
        traceId: undefined,
        clientContext: undefined,
        deadlineAt: Number.POSITIVE_INFINITY,
        receiver: {
          onResult: result => told.push(`${id} = ${result.toString()}`),
          onFault: ({ message }) => told.push(message),
          onStreamHead: () => {},
          onStreamChunk: () => true,
          onStreamEnd: () => {},
        },
      }),
  }
}

t.test('it is prepared without running, and runs when it is started', async t => {
  const { instance, driver, told } = scene(t)
  await instance.prepare()
  t.same(driver.last.calls, [])
  t.same(driver.last.environment, { PORT: '1234' })
  await instance.start()
  t.same(driver.last.calls, ['start'])
  t.equal(driver.sandboxes.length, 1)
  t.same(told, ['open any'])
  instance.kill()
  driver.last.events.onExit(null, 'SIGKILL')
})

t.test('an idle one freezes, and is thawed before it gets an event', async t => {
  const { instance, driver, told, poll, dispatch } = scene(t)
  await instance.start()
  instance.freeze()
  t.notOk(instance.frozen, 'before it has asked')
  poll()
  instance.freeze()
  instance.freeze()
  t.ok(instance.frozen)
  dispatch('a')
  t.notOk(instance.frozen)
  t.same(driver.last.calls, ['start', 'freeze', 'thaw'])
  t.ok(told.includes('got a'))
  instance.freeze()
  t.notOk(instance.frozen, 'while it works')
  driver.last.events.onExit(1, null)
})

t.test('what can’t be frozen goes on', async t => {
  const { instance, driver, poll, dispatch } = scene(t)
  await instance.start()
  driver.last.canFreeze = false
  poll()
  instance.freeze()
  t.notOk(instance.frozen)
  dispatch('a')
  t.same(driver.last.calls, ['start', 'freeze'])
  driver.last.events.onExit(1, null)
})

t.test('it is asked to end, and made to two seconds later', async t => {
  const { instance, driver, told, poll } = scene(t)
  await instance.start()
  poll()
  instance.stop()
  t.notOk(instance.hasRoom)
  t.same(driver.last.calls, ['start', 'terminate'])
  mock.timers.tick(1999)
  t.equal(driver.last.calls.length, 2)
  mock.timers.tick(1)
  t.same(driver.last.calls, ['start', 'terminate', 'kill'])
  driver.last.events.onExit(null, 'SIGKILL')
  t.same(told.slice(-2), ['closed', 'end '])
})

t.test('an exit fails what it worked on, in the words of Lambda', async t => {
  const { instance, driver, told, poll, dispatch } = scene(t)
  await instance.start()
  poll()
  dispatch('a')
  driver.last.events.onExit(null, 'killed')
  t.ok(told.includes('RequestId: a Error: Runtime exited with error: signal: killed'))
  t.equal(told.at(-1), 'end ', 'its start was well')
})

t.test('a failing start is told with its reason', async t => {
  const broken = scene(t)
  await broken.instance.start()
  broken.driver.last.events.onFailure('cannot run it')
  t.equal(broken.told.at(-1), 'end cannot run it')
})

t.test('an early exit is a failing start', async t => {
  const { instance, driver, told } = scene(t)
  await instance.start()
  driver.last.events.onExit(3, null)
  t.equal(told.at(-1), 'end RequestId:  Error: Runtime exited with error: exit status 3')
})

t.test('one that never asks for an event is ended', async t => {
  const { instance, driver, told } = scene(t)
  await instance.start()
  mock.timers.tick(10_000)
  t.same(driver.last.calls, ['start', 'kill'])
  driver.last.events.onExit(null, 'SIGKILL')
  t.equal(told.at(-1), 'end RequestId:  Error: Init timed out after 10.00 seconds')
})

t.test('where a secret lies is for the log alone', async t => {
  const environment = () => Promise.reject(new Error('no /etc/secret'))
  const { instance, driver, told } = scene(t, { environment })
  await instance.start()
  t.equal(driver.sandboxes.length, 0)
  t.same(told.slice(1), [
    'stderr: no /etc/secret',
    'closed',
    'end its environment could not be made',
  ])
})

t.test('ended while it was prepared, it never runs', async t => {
  let go: () => void = () => {}
  const held = new Promise<void>(resolve => (go = resolve))
  const { instance, driver, told } = scene(t, { environment: () => held.then(() => ({})) })
  const starting = instance.start()
  instance.stop()
  t.equal(told.at(-1), 'end ')
  go()
  await starting
  t.equal(driver.sandboxes.length, 0)
})

t.test('prepared and not started, it is let go of', async t => {
  const { instance, driver, told } = scene(t)
  await instance.prepare()
  instance.stop()
  t.same(driver.last.calls, ['kill'])
  t.same(told.slice(1), ['closed', 'end '])
  await instance.start()
  t.same(driver.last.calls, ['kill'])
})

t.test('what others run finds its port, may come late, and outlives a timeout', async t => {
  const { instance, driver, told, poll, dispatch } = scene(t, { external: true })
  await instance.start()
  t.same(told, ['open 9001'])
  mock.timers.tick(60_000)
  poll()
  dispatch('a')
  mock.timers.tick(3000)
  t.match(told.at(-1), /Task timed out/)
  t.notOk(instance.retired)
  t.same(driver.last.calls, ['start'])
  poll()
  t.ok(instance.hasRoom)
  instance.stop()
  t.same(told.slice(-2), ['closed', 'end '], 'which is all that we can do')
})

t.test('what others run and restart fails the event, and takes the next', async t => {
  const { instance, told, poll, dispatch } = scene(t, { external: true })
  await instance.start()
  poll()
  dispatch('a')
  poll()
  t.ok(told.includes('RequestId: a Error: Runtime exited without providing a reason'))
  t.ok(instance.hasRoom)
  instance.stop()
})
