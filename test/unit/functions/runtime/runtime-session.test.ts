import t, { type Test } from 'tap'
import { createFault } from '../../../../src/functions/fault.ts'
import type { Invocation } from '../../../../src/functions/invocation.ts'
import { RuntimeSession } from '../../../../src/functions/runtime/runtime-session.ts'
import { mock } from 'node:test'

interface Scene {
  readonly session: RuntimeSession
  /** What the session has told, in order. */
  readonly events: string[]
  /** Puts a question, and says under which id it was answered. */
  readonly poll: () => { readonly drop: () => void }
  readonly invocation: (id: string, deadlineAt?: number) => Invocation
}

function scene(concurrency = 1, outlivesRuntime = false): Scene {
  const events: string[] = []
  const session = new RuntimeSession(
    { concurrency, timeoutMs: 3000, outlivesRuntime },
    {
      onReady: () => events.push('ready'),
      onRoom: () => events.push('room'),
      onInitError: ({ errorType }) => events.push(`init ${errorType}`),
      onDone: ({ invocation }) => events.push(`done ${invocation.id}`),
      onTimeout: () => events.push('timeout'),
      onSilence: () => events.push('silence'),
    },
    { now: () => 1000, wallNow: () => 5000 },
  )
  return {
    session,
    events,
    poll() {
      const poll = {
        answer: ({ id }: Invocation, deadline: number) =>
          void events.push(`${id} until ${deadline}`),
      }
      session.poll(poll)
      return { drop: () => session.dropPoll(poll) }
    },
    invocation: (id, deadlineAt = Number.POSITIVE_INFINITY) => ({
      id,
      payload: Buffer.from('{}'),
      functionArn: 'arn',
      traceId: undefined,
      clientContext: undefined,
      deadlineAt,
      receiver: {
        onResult: result => events.push(`${id} got ${result.toString()}`),
        onFault: ({ errorType }) => events.push(`${id} failed: ${errorType}`),
        onStreamHead: type => events.push(`${id} streams ${type}`),
        onStreamChunk: chunk => events.push(`${id}: ${chunk.toString()}`) > 0,
        onStreamEnd: fault => events.push(`${id} ended: ${fault?.errorType ?? 'well'}`),
      },
    }),
  }
}

function useMockTimers(t: Test): void {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
}

t.test('the first question for an event is the sign of readiness', async t => {
  const { session, events, poll } = scene()
  t.equal(session.ready, false)
  poll()
  t.same(events, ['ready', 'room'])
  t.equal(session.hasRoom, true)
})

t.test('an event takes one question, and the deadline is that of the function', async t => {
  useMockTimers(t)
  const { session, events, poll, invocation } = scene()
  poll()
  session.dispatch(invocation('a')).result(Buffer.from('1'), 'application/json')
  t.same(events.slice(2), ['a until 8000', 'done a', 'a got 1'])
  t.equal(session.hasRoom, false)
})

t.test('a caller that waits for less shortens the deadline, and ends nothing else', async t => {
  useMockTimers(t)
  const { session, events, poll, invocation } = scene()
  poll()
  session.dispatch(invocation('a', 1250))
  t.equal(events.at(-1), 'a until 5250')
  mock.timers.tick(250)
  t.same(events.slice(3), ['done a', 'a failed: Sandbox.Timedout'])
  mock.timers.tick(2999)
  t.equal(events.at(-1), 'a failed: Sandbox.Timedout')
  mock.timers.tick(1)
  t.equal(events.at(-1), 'silence', 'what it still does may take as long as ever')
})

t.test('a question whose connection has gone gets no event', async t => {
  const { session, poll } = scene()
  poll().drop()
  t.equal(session.hasRoom, false)
})

t.test('no more events are given out than may run at once, however often it is asked', async t => {
  useMockTimers(t)
  const { session, poll, invocation } = scene(2)
  poll()
  poll()
  poll()
  const first = session.dispatch(invocation('a'))
  session.dispatch(invocation('b'))
  t.equal(session.hasRoom, false)
  first.result(Buffer.from('1'), 'application/json')
  t.equal(session.hasRoom, true)
})

t.test(
  'a runtime that answers and asks for nothing more is told of, as long after as it may work',
  async t => {
    useMockTimers(t)
    const { session, events, poll, invocation } = scene()
    poll()
    session.dispatch(invocation('a')).result(Buffer.from('1'), 'application/json')
    mock.timers.tick(2999)
    t.equal(events.at(-1), 'a got 1')
    mock.timers.tick(1)
    t.equal(events.at(-1), 'silence')
    poll()
    session.dispatch(invocation('b')).result(Buffer.from('2'), 'application/json')
    poll()
    mock.timers.tick(10_000)
    t.equal(events.filter(event => event === 'silence').length, 1)
  },
)

t.test('an answer counts once', async t => {
  useMockTimers(t)
  const { session, events, poll, invocation } = scene()
  t.equal(session.execution('a'), 'unknown')
  poll()
  const execution = session.dispatch(invocation('a'))
  t.equal(session.execution('a'), execution)
  execution.result(Buffer.from('1'), 'application/json')
  execution.result(Buffer.from('2'), 'application/json')
  execution.fault(createFault('handler', 'E', ''))
  t.equal(session.execution('a'), 'answered')
  t.same(
    events.filter(event => event.startsWith('a got') || event.startsWith('a failed')),
    ['a got 1'],
  )
})

t.test('a stream that has begun ends with what went wrong', async t => {
  useMockTimers(t)
  const { session, events, poll, invocation } = scene()
  poll()
  const execution = session.dispatch(invocation('a'))
  const flow = { pause: () => {}, resume: () => {} }
  execution.streamHead('text/plain', flow)
  t.equal(session.execution('a'), 'answered')
  execution.streamChunk(Buffer.from('x'))
  mock.timers.tick(3000)
  t.same(events.slice(3), [
    'a streams text/plain',
    'a: x',
    'timeout',
    'done a',
    'a ended: Sandbox.Timedout',
  ])
})

t.test('when the runtime ends, all that it worked on fails', async t => {
  useMockTimers(t)
  const { session, events, poll, invocation } = scene(2)
  poll()
  poll()
  session.dispatch(invocation('a'))
  session.dispatch(invocation('b'))
  session.end(({ id }) => createFault('exit', `Exit.${id}`, ''))
  t.same(
    events.filter(event => event.includes('failed')),
    ['a failed: Exit.a', 'b failed: Exit.b'],
  )
  t.equal(session.hasRoom, false)
})

t.test('a start fails once, and not after the first question', async t => {
  const failing = scene()
  const fault = createFault('init', 'Runtime.ImportModuleError', '')
  t.equal(failing.session.failInit(fault), true)
  t.equal(failing.session.failInit(fault), false)
  t.same(failing.events, ['init Runtime.ImportModuleError'])
  const ready = scene()
  ready.poll()
  t.equal(ready.session.failInit(fault), false)
})

t.test('a runtime that came back has lost what it had, and takes the next', async t => {
  const { session, events, poll, invocation } = scene(1, true)
  poll()
  session.dispatch(invocation('a'))
  poll()
  t.ok(events.includes('a failed: Runtime.ExitError'))
  t.ok(session.hasRoom)
  session.dispatch(invocation('b'))
  t.ok(events.some(event => event.startsWith('b until')))
})

t.test('a runtime that came back is asked, and not the one that is gone', async t => {
  const asked: string[] = []
  for (const concurrency of [1, 2]) {
    const { session, invocation } = scene(concurrency, true)
    const ask = (name: string) => session.poll({ answer: () => asked.push(name) })
    for (let i = 0; i < concurrency; i++) ask('gone')
    for (let i = 0; i < concurrency; i++) ask('new')
    for (let i = 0; i < concurrency; i++) session.dispatch(invocation(String(i)))
    session.end(() => createFault('exit', 'Runtime.ExitError', ''))
  }
  t.same(asked, ['new', 'new', 'new'])
})

t.test('one that asks ahead has lost nothing', async t => {
  for (const [concurrency, outlives] of [
    [1, false],
    [2, true],
  ] as const) {
    const { session, events, poll, invocation } = scene(concurrency, outlives)
    poll()
    session.dispatch(invocation('a'))
    poll()
    t.notMatch(events, [/failed/])
    t.equal(session.active, 1)
    session.end(() => createFault('exit', 'Runtime.ExitError', ''))
  }
})

t.test('what works on an event fails with its connection, where it may come back', async t => {
  const { session, events, poll, invocation } = scene(2, true)
  poll()
  session.dispatch(invocation('a'))
  session.disconnected()
  t.ok(events.includes('a failed: Runtime.ExitError'))
  t.equal(session.active, 0)
  poll()
  t.ok(session.hasRoom)
})

t.test('its end is otherwise known by its process', async t => {
  const { session, poll, invocation } = scene()
  poll()
  session.dispatch(invocation('a'))
  session.disconnected()
  t.equal(session.active, 1)
  session.end(() => createFault('exit', 'Runtime.ExitError', ''))
})
