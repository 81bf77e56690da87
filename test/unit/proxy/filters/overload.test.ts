import { mock } from 'node:test'
import t from 'tap'
import { HeaderList } from '../../../../src/http/headers.ts'
import { Chain } from '../../../../src/proxy/exchange/filter.ts'
import { OverloadFilter } from '../../../../src/proxy/filters/overload.ts'
import { FakeServerStream } from '../../../support/fake-streams.ts'
import { mockTime } from '../../../support/mock-time.ts'

t.beforeEach(mockTime)

function setUp() {
  const state = { now: 0, heapRatio: 0, random: 0 }
  const filter = new OverloadFilter({
    now: () => state.now,
    random: () => state.random,
    heapRatio: () => state.heapRatio,
  })
  const chain = new Chain({ filters: [filter], terminal: () => {}, now: () => state.now })
  const send = (priority?: string): string | undefined => {
    const headers = HeaderList.of(priority === undefined ? {} : { 'x-weft-priority': priority })
    const stream = new FakeServerStream({ headers })
    chain.handle(stream)
    return stream.heads[0]?.headers.get('x-weft-reason')
  }
  /** The loop turns after that time; its timers were due long before. */
  const pass = (ms: number): void => {
    state.now += ms
    mock.timers.tick(50)
  }
  return { state, filter, send, pass }
}

t.test('a request is let in while all is well', async t => {
  const { send, pass, filter } = setUp()
  for (let i = 0; i < 10; i++) {
    t.equal(send(), undefined)
    pass(50)
  }
  t.equal(filter.shed, 0)
})

t.test('a loop that stays late sheds by priority, critical requests never', async t => {
  const { send, pass, filter } = setUp()
  for (let i = 0; i < 4; i++) {
    send()
    pass(5000)
  }
  t.equal(filter.pressure, 1)
  for (const priority of [undefined, 'low', 'normal', 'high', 'urgent'])
    t.equal(send(priority), 'overloaded', String(priority))
  t.equal(send('critical'), undefined)
  t.equal(filter.shed, 5)
})

t.test('a heap that is full sheds, and when it is free again everybody is let in', async t => {
  const { state, send, pass } = setUp()
  state.heapRatio = 0.99
  for (let i = 0; i < 4; i++) {
    send()
    pass(50)
  }
  t.equal(send(), 'overloaded')
  state.heapRatio = 0.1
  for (let i = 0; i < 20; i++) pass(50)
  t.equal(send('low'), undefined)
})

t.test('when nothing comes it looks at nothing', async t => {
  const { state, send, pass, filter } = setUp()
  send()
  pass(50)
  pass(50)
  state.heapRatio = 0.99
  for (let i = 0; i < 4; i++) pass(50)
  t.equal(filter.pressure, 0)
})

t.test('the mesh may set other bounds', async t => {
  const { send, pass, filter } = setUp()
  filter.apply({
    enabled: true,
    eventLoopDelayMs: { start: 1, full: 2 },
    heapRatio: { start: 0.8, full: 0.9 },
  })
  for (let i = 0; i < 4; i++) {
    send()
    pass(60)
  }
  t.equal(filter.pressure, 1)
  filter.apply()
  t.equal(filter.pressure, 1, 'from the next look on')
})
