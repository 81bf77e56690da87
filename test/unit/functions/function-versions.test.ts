import t, { type Test } from 'tap'
import { silentLogger } from '../../../src/base/log.ts'
import type { FunctionFault } from '../../../src/functions/fault.ts'
import { FunctionVersions } from '../../../src/functions/function-versions.ts'
import type { Invocation, Invoker } from '../../../src/functions/invocation.ts'
import type { PlacedFunction } from '../../../src/functions/placement/placed-function.ts'
import type { RuntimeSession } from '../../../src/functions/runtime/runtime-session.ts'
import type { Driver, SandboxEvents } from '../../../src/functions/runtime/sandbox.ts'
import type { FunctionSpec, HostedFunction } from '../../../src/model/function/function.ts'
import type { PlacementSettings } from '../../../src/model/function/function-placement.ts'
import { functionSpec } from '../../support/functions/sandbox.ts'
import { localSettings } from '../../support/functions/placements.ts'

/** An instance that takes one event at a time, and ends when it is asked to. */
interface FakeInstance {
  readonly spec: FunctionSpec
  readonly events: SandboxEvents
  /** Ids of the events that it works on. */
  readonly taken: string[]
  ended: boolean
}

function setUp(t: Test, random = () => 0) {
  const sessions: RuntimeSession[] = []
  const instances: FakeInstance[] = []
  const poll = (number: number): void =>
    sessions[number]?.poll({ answer: ({ id }) => void instances[number]?.taken.push(id) })
  const placed: PlacementSettings[] = []
  const driver: Driver = {
    preparesAhead: false,
    create: (spec, _, events) => {
      const instance: FakeInstance = { spec, events, taken: [], ended: false }
      const number = instances.push(instance) - 1
      const end = (): void => {
        if (instance.ended) return
        instance.ended = true
        queueMicrotask(() => events.onExit(0, null))
      }
      return {
        pid: 1,
        owned: true,
        start: () => poll(number),
        freeze: () => false,
        thaw: () => {},
        terminate: end,
        kill: end,
      }
    },
    expect: () => {},
    close: async () => {},
  }
  const versions = new FunctionVersions({
    openRuntimeApi: async session => {
      sessions.push(session)
      return { port: 1, close: () => {} }
    },
    guard: { add: () => {}, remove: () => {} },
    driverFor: () => driver,
    logger: silentLogger,
    invokeUrl: () => 'http://127.0.0.1:1',
    environment: {},
    maxStarting: 10,
    now: () => 0,
    wallNow: () => 0,
    random,
    createPlaced: settings => {
      placed.push(settings)
      const invoker = (): Invoker => ({ invoke: () => placedTicket })
      return { settings, invoker } as unknown as PlacedFunction
    },
  })
  t.teardown(() => versions.close())
  /** The first instance returns `result`, and asks for more. */
  const finish = (id: string, result: string): void => {
    const execution = sessions[0]?.execution(id)
    if (typeof execution !== 'object') throw new Error(`${id} is not there`)
    execution.result(Buffer.from(result), 'text/plain')
    poll(0)
  }
  return { versions, instances, placed, finish }
}

const placedTicket = { execution: undefined, logTail: undefined, cancel: () => {} }

function hosted(
  versions: Readonly<Record<string, Partial<FunctionSpec>>> = {},
  changes: Partial<HostedFunction> = {},
): HostedFunction {
  const specs = Object.entries(versions).map(([version, spec]) => [
    version,
    functionSpec({ version, ...spec }),
  ])
  return {
    name: 'hello',
    namespace: 'default',
    versions: { $LATEST: functionSpec(), ...Object.fromEntries(specs) },
    aliases: {},
    asynchronous: {
      retries: 2,
      backoffMs: 1,
      maxAgeMs: 1000,
      concurrency: 1,
      maxEvents: 1,
      maxBytes: 1,
    },
    schedules: [],
    directories: [],
    ...changes,
  }
}

type Told = string | FunctionFault

/** @returns what its caller hears. */
function call(invoker: Invoker | undefined, id: string): Promise<Told> {
  return new Promise((resolve, reject) => {
    if (invoker === undefined) return reject(new Error('nothing runs it'))
    invoker.invoke({
      id,
      payload: Buffer.from('{}'),
      functionArn: 'arn',
      traceId: undefined,
      clientContext: undefined,
      deadlineAt: Number.POSITIVE_INFINITY,
      receiver: {
        onResult: result => resolve(result.toString()),
        onFault: resolve,
        onStreamHead: () => {},
        onStreamChunk: () => true,
        onStreamEnd: () => {},
      },
    })
  })
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
}

t.test('nothing is resolved before a snapshot has told of a function', async t => {
  const { versions } = setUp(t)
  t.equal(versions.function, undefined)
  t.equal(versions.resolve(), undefined)
  t.equal(versions.resolve('live'), undefined)
  await versions.drain()
})

t.test('a version is found by its name, the latest without one', async t => {
  const { versions } = setUp(t)
  versions.apply(hosted({ '1': { timeoutMs: 1 } }))
  t.match(versions.resolve(), { spec: { version: '$LATEST' }, isPlaced: false })
  t.match(versions.resolve('$LATEST'), { spec: { version: '$LATEST' } })
  t.match(versions.resolve('1'), { spec: { version: '1', timeoutMs: 1 } })
  t.equal(versions.resolve('2'), undefined)
})

t.test('no property that every object has is a version or an alias', async t => {
  const { versions } = setUp(t)
  versions.apply(hosted())
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty', ''])
    t.equal(versions.resolve(name), undefined, name)
})

t.test('an alias chooses by weight; one of no weight gets nothing', async t => {
  let at = 0
  const { versions } = setUp(t, () => at)
  const backends = [
    { version: '1', weight: 3 },
    { version: '2', weight: 0 },
    { version: '3', weight: 1 },
  ]
  versions.apply(hosted({ '1': {}, '2': {}, '3': {} }, { aliases: { live: backends } }))
  const table = [
    [0, '1'],
    [0.5, '1'],
    [0.749, '1'],
    [0.75, '3'],
    [1 - 2 ** -53, '3'],
  ] as const
  for (const [random, version] of table) {
    at = random
    t.equal(versions.resolve('live')?.spec.version, version, `${random}`)
  }
})

t.test('an alias whose versions weigh nothing leads nowhere', async t => {
  const { versions } = setUp(t)
  versions.apply(hosted({ '1': {} }, { aliases: { off: [{ version: '1', weight: 0 }] } }))
  t.equal(versions.resolve('off'), undefined)
})

t.test('a version that goes finishes what it has, and takes nothing more', async t => {
  const { versions, instances, finish } = setUp(t)
  versions.apply(hosted({ '1': {} }))
  const answer = call(versions.resolve('1')?.invoker, 'a')
  await turns()
  t.strictSame(instances[0]?.taken, ['a'])

  versions.apply(hosted())
  t.equal(versions.resolve('1'), undefined)
  t.strictSame([...versions.hosts.keys()], ['$LATEST'])
  await turns()
  t.equal(instances[0]?.ended, false)
  finish('a', 'done')
  t.equal(await answer, 'done')
  await turns()
  t.equal(instances[0]?.ended, true)
})

t.test('one that comes back is a new one', async t => {
  const { versions, instances } = setUp(t)
  versions.apply(hosted({ '1': { timeoutMs: 1 } }))
  const first = versions.resolve('1')?.invoker
  versions.apply(hosted())
  versions.apply(hosted({ '1': { timeoutMs: 2 } }))
  const second = versions.resolve('1')
  t.not(second?.invoker, first)
  t.equal(second?.spec.timeoutMs, 2)
  t.match(await call(first, 'late'), { stage: 'throttled' })
  t.equal(instances.length, 0)
})

t.test('a change of one version leaves the instances of the others', async t => {
  const { versions, instances } = setUp(t)
  const scale = { ...functionSpec().scale, min: 1 }
  versions.apply(hosted({ '1': { scale }, '2': { scale } }))
  await turns()
  t.strictSame(
    instances.map(({ spec }) => spec.version),
    ['1', '2'],
  )
  versions.apply(hosted({ '1': { scale }, '2': { scale, handler: 'other' } }))
  await turns()
  t.strictSame(
    instances.map(({ spec, ended }) => [spec.version, ended]),
    [
      ['1', false],
      ['2', true],
      ['2', false],
    ],
  )
})

t.test('a function that is taken away leaves nothing', async t => {
  const { versions } = setUp(t)
  versions.apply(hosted({ '1': {} }))
  versions.apply(undefined)
  t.equal(versions.function, undefined)
  t.equal(versions.resolve(), undefined)
  t.equal(versions.hosts.size, 0)
})

t.test('drain and close end those that leave too', async t => {
  const { versions, instances } = setUp(t)
  versions.apply(hosted({ '1': {} }))
  const answer = call(versions.resolve('1')?.invoker, 'a')
  await turns()
  versions.apply(hosted())
  await versions.close()
  t.equal(instances[0]?.ended, true)
  t.match(await answer, { errorType: 'Runtime.ExitError' })
  versions.apply(hosted({ '3': {} }))
  t.equal(versions.resolve('3'), undefined, 'nothing begins after that')
})

t.test('drain waits for what is under way', async t => {
  const { versions, finish } = setUp(t)
  versions.apply(hosted())
  const answer = call(versions.resolve()?.invoker, 'a')
  await turns()
  let drained = false
  const drain = versions.drain().then(() => (drained = true))
  await turns()
  t.equal(drained, false)
  finish('a', '1')
  t.equal(await answer, '1')
  await drain
})

const placement: PlacementSettings = {
  policy: { kind: 'failover' },
  homeRegion: undefined,
  residency: undefined,
  encryption: undefined,
  requireEncryption: 'never',
  backends: [localSettings('here')],
}

t.test('the latest version is placed, by whatever name it is called', async t => {
  const { versions } = setUp(t)
  const aliases = {
    next: [{ version: '$LATEST', weight: 1 }],
    live: [{ version: '1', weight: 1 }],
  }
  versions.apply(hosted({ '1': {} }, { aliases, placement }))
  for (const name of [undefined, '$LATEST', 'next']) {
    const resolved = versions.resolve(name)
    t.match(resolved, { spec: { version: '$LATEST' }, isPlaced: true }, String(name))
    t.equal(resolved?.invoker.invoke({} as Invocation), placedTicket)
  }
  for (const name of ['1', 'live']) t.match(versions.resolve(name), { isPlaced: false }, name)
})

t.test('what was seen of places is kept for as long as they are the same', async t => {
  const { versions, placed } = setUp(t)
  versions.apply(hosted({}, { placement }))
  versions.apply(hosted({ '1': {} }, { placement: structuredClone(placement) }))
  t.equal(placed.length, 1)
  versions.apply(hosted({}, { placement: { ...placement, residency: ['eu-*'] } }))
  t.equal(placed.length, 2)
  t.strictSame(versions.placed?.settings.residency, ['eu-*'])
  versions.apply(hosted())
  t.equal(versions.placed, undefined)
  t.match(versions.resolve(), { isPlaced: false })
})
