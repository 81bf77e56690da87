import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { monotonicNow, wallNow } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { FunctionEvents } from '../../../src/functions/function-events.ts'
import type { FunctionVersions } from '../../../src/functions/function-versions.ts'
import type { Invocation, Invoker } from '../../../src/functions/invocation.ts'
import type { HostedFunction } from '../../../src/model/function/function.ts'
import { functionSpec } from '../../support/functions/sandbox.ts'
import { eventually } from '../../support/mesh.ts'
import { newEvent } from './queue/events.ts'

type Run = (invocation: Invocation) => void

/** Events whose function is the test's. `folder`: of an earlier life. */
function setUp(
  t: Test,
  { folder = t.testdir(), run = succeed }: { folder?: string; run?: Run } = {},
) {
  const runs: Invocation[] = []
  const asked: (string | undefined)[] = []
  const invoker: Invoker = {
    invoke: invocation => {
      runs.push(invocation)
      setImmediate(run, invocation)
      return { execution: undefined, logTail: undefined, cancel: () => {} }
    },
  }
  const known = { version: true }
  const versions: Pick<FunctionVersions, 'resolve' | 'function'> = {
    function: hosted(),
    resolve: qualifier => {
      asked.push(qualifier)
      return known.version ? { spec: functionSpec(), invoker, isPlaced: false } : undefined
    },
  }
  const events = new FunctionEvents({
    versions: versions as FunctionVersions,
    path: join(folder, 'state', 'events.sqlite'),
    invokeUrl: () => 'http://127.0.0.1:1',
    logger: silentLogger,
    now: monotonicNow,
    wallNow,
    random: () => 0,
  })
  t.teardown(() => events.close())
  return { events, runs, asked, known, folder }
}

const succeed: Run = ({ receiver }) => receiver.onResult(Buffer.from('1'), 'application/json')

function hosted(changes: Partial<HostedFunction> = {}, maxEvents = 100): HostedFunction {
  return {
    name: 'hello',
    namespace: 'default',
    versions: { $LATEST: functionSpec() },
    aliases: {},
    asynchronous: {
      retries: 0,
      backoffMs: 1,
      maxAgeMs: 3_600_000,
      concurrency: 10,
      maxEvents,
      maxBytes: 1024 * 1024,
    },
    schedules: [],
    directories: [],
    ...changes,
  }
}

function directory(path: string) {
  mkdirSync(path, { recursive: true })
  return { name: 'inbox', directory: path, settleMs: 1, rescanMs: 20 }
}

function drop(path: string, name: string): void {
  writeFileSync(join(path, `.${name}`), JSON.stringify({ name }))
  writeFileSync(join(path, name), JSON.stringify({ name }))
}

t.test('before the function is known nothing is taken', async t => {
  const { events } = setUp(t)
  t.match(await events.put(newEvent()), { kind: 'refused', reason: 'unavailable' })
  t.equal(events.counters, undefined)
  t.strictSame(events.triggers, [])
  await events.drain()
})

t.test('an event runs with all that was given in', async t => {
  const { events, runs, asked } = setUp(t)
  events.apply(hosted())
  const event = newEvent({
    qualifier: 'live',
    payload: Buffer.from('{"n":1}'),
    clientContext: '{"a":1}',
    traceId: 'Root=1',
  })
  t.match(await events.put(event), { kind: 'stored', id: event.id })
  await eventually(
    () => events.counters,
    counters => counters?.delivered === 1,
  )
  t.match(runs, [
    {
      id: event.id,
      functionArn: 'arn:aws:lambda:local:000000000000:function:hello:live',
      clientContext: '{"a":1}',
      traceId: 'Root=1',
      deadlineAt: Number.POSITIVE_INFINITY,
      contentType: undefined,
    },
  ])
  t.equal(runs[0]?.payload.toString(), '{"n":1}')
  t.strictSame(asked, ['live'])
})

t.test('a CloudEvent says that it is one', async t => {
  const { events, runs } = setUp(t)
  events.apply(hosted())
  await events.put(newEvent({ payload: Buffer.from('{"specversion":"1.0","id":"1"}') }))
  await eventually(
    () => runs.length,
    length => length === 1,
  )
  t.match(runs[0]?.contentType, /^application\/cloudevents\+json/)
})

t.test('one of a version that is gone waits for it', async t => {
  const { events, runs, known } = setUp(t)
  known.version = false
  events.apply(hosted())
  await events.put(newEvent({ qualifier: 'old' }))
  await eventually(
    () => events.counters,
    counters => (counters?.throttled ?? 0) > 0,
  )
  t.equal(runs.length, 0)
  t.match(events.counters, { depth: 1, dropped: 0 })
  known.version = true
  await eventually(
    () => runs.length,
    length => length === 1,
  )
})

t.test('what an earlier life left runs without anybody calling', async t => {
  const first = setUp(t, { run: () => {} })
  first.events.apply(hosted())
  const event = newEvent()
  await first.events.put(event)
  await first.events.close()
  t.match(await first.events.put(newEvent()), { kind: 'refused', reason: 'unavailable' })

  const second = setUp(t, { folder: first.folder })
  second.events.apply(hosted())
  await eventually(
    () => second.runs.map(({ id }) => id),
    ids => ids.includes(event.id),
  )
})

t.test('drain waits for what runs, and takes nothing meanwhile', async t => {
  const held: Invocation[] = []
  const { events, runs } = setUp(t, { run: invocation => void held.push(invocation) })
  events.apply(hosted())
  await events.put(newEvent())
  await eventually(
    () => held.length,
    length => length === 1,
  )
  let drained = false
  const drain = events.drain().then(() => (drained = true))
  t.match(await events.put(newEvent()), { kind: 'refused' })
  t.equal(drained, false)
  for (const invocation of held) succeed(invocation)
  await drain
  t.equal(runs.length, 1)
  t.match(events.counters, { delivered: 1 })
})

t.test('close does not wait: what runs comes again', async t => {
  const first = setUp(t, { run: () => {} })
  first.events.apply(hosted())
  await first.events.put(newEvent())
  await eventually(
    () => first.runs.length,
    length => length === 1,
  )
  await first.events.close()
  const second = setUp(t, { folder: first.folder })
  second.events.apply(hosted())
  await eventually(
    () => second.runs.length,
    length => length === 1,
  )
})

t.test('while a queue gets other bounds it takes what comes, and loses nothing', async t => {
  const held: Invocation[] = []
  const { events, runs } = setUp(t, { run: invocation => void held.push(invocation) })
  events.apply(hosted())
  await events.put(newEvent())
  await eventually(
    () => held.length,
    length => length === 1,
  )
  // What runs holds the old queue, and with it the disk.
  events.apply(hosted({}, 3))
  await new Promise(setImmediate)
  const during = newEvent()
  t.match(await events.put(during), { kind: 'stored' })
  for (const invocation of held.splice(0)) succeed(invocation)
  await eventually(
    () => runs.map(({ id }) => id),
    ids => ids.includes(during.id),
  )
  t.match(await events.put(newEvent()), { kind: 'stored' })
  t.match(await events.put(newEvent()), { kind: 'stored' })
  t.match(await events.put(newEvent()), { kind: 'refused', reason: 'count' }, 'the new bound')
})

t.test('nor is anything refused while the old one closes', async t => {
  const held: Invocation[] = []
  const { events } = setUp(t, { run: invocation => void held.push(invocation) })
  events.apply(hosted())
  await events.put(newEvent())
  await eventually(
    () => held.length,
    length => length === 1,
  )
  events.apply(hosted({}, 1000))
  await new Promise(setImmediate)
  for (const invocation of held.splice(0)) succeed(invocation)
  const results = []
  for (let turn = 0; turn < 50; turn++) {
    results.push(events.put(newEvent()))
    await new Promise(setImmediate)
  }
  const refused = (await Promise.all(results)).filter(({ kind }) => kind !== 'stored')
  t.strictSame(refused, [])
})

t.test('close ends a change that waits for what runs', async t => {
  const { events, runs } = setUp(t, { run: () => {} })
  events.apply(hosted())
  await events.put(newEvent())
  await eventually(
    () => runs.length,
    length => length === 1,
  )
  events.apply(hosted({}, 3))
  await new Promise(setImmediate)
  const startedAt = monotonicNow()
  await events.close()
  t.ok(monotonicNow() - startedAt < 5000)
})

t.test('another policy holds at once, in the same queue', async t => {
  const { events, runs } = setUp(t, {
    run: ({ receiver }) =>
      receiver.onFault({
        stage: 'handler',
        errorType: 'E',
        message: 'no',
        document: Buffer.from('{}'),
      }),
  })
  const { asynchronous } = hosted()
  events.apply(hosted())
  await events.put(newEvent())
  await eventually(
    () => events.counters?.dropped,
    dropped => dropped === 1,
  )
  events.apply(hosted({ asynchronous: { ...asynchronous, retries: 1 } }))
  await events.put(newEvent())
  await eventually(
    () => events.counters?.dropped,
    dropped => dropped === 2,
  )
  t.equal(runs.length, 3)
})

t.test('each file of a folder is an event, until the folder is another', async t => {
  const { events, runs, folder } = setUp(t)
  const [a, b] = [directory(join(folder, 'a')), directory(join(folder, 'b'))]
  events.apply(hosted({ directories: [a] }))
  drop(a.directory, '1.json')
  await eventually(
    () => runs.length,
    length => length >= 1,
  )
  const [trigger] = events.triggers
  events.apply(hosted({ directories: [a] }, 50))
  await eventually(
    () => events.counters?.enqueued,
    enqueued => enqueued === 0 || enqueued === undefined,
  )
  drop(a.directory, '2.json')
  await eventually(
    () => runs.length,
    length => length >= 2,
  )
  t.equal(events.triggers[0], trigger, 'the same go on')
  events.apply(hosted({ directories: [b] }))
  await eventually(
    () => events.triggers[0],
    now => now !== undefined && now !== trigger,
  )
  drop(b.directory, '3.json')
  await eventually(
    () => runs.length,
    length => length >= 3,
  )
})

t.test('a function that is taken away has no triggers, and keeps what waits', async t => {
  const { events, runs, folder, known } = setUp(t)
  const inbox = directory(join(folder, 'inbox'))
  known.version = false
  events.apply(hosted({ directories: [inbox] }))
  await events.put(newEvent())
  events.apply(undefined)
  await eventually(
    () => events.triggers.length,
    length => length === 0,
  )
  t.match(await events.put(newEvent()), { kind: 'refused', reason: 'unavailable' })
  known.version = true
  events.apply(hosted({ directories: [inbox] }))
  await eventually(
    () => [runs.length, events.triggers.length],
    ([ran, triggers]) => ran === 1 && triggers === 1,
  )
})

t.test('a queue is replaced though the function was away when it changed', async t => {
  const { events, known } = setUp(t)
  known.version = false
  events.apply(hosted())
  await events.put(newEvent())
  events.apply(undefined)
  events.apply(hosted({}, 1))
  await eventually(
    () => events.put(newEvent()),
    ({ kind }) => kind === 'refused',
  )
})
