import t from 'tap'
import type { EndpointState } from '../../../src/balancing/endpoint-state.ts'
import { isCheaper, observeFailure, observeLatency } from '../../../src/balancing/peak-ewma.ts'
import { RandomChoices } from '../../../src/balancing/random-choices.ts'
import { candidatesOf, endpointStates, seededRandom, tally } from './endpoint-states.ts'

function pair(): [EndpointState, EndpointState] {
  const [a, b] = endpointStates(1, 1)
  if (a === undefined || b === undefined) throw new Error('two endpoints were asked for')
  return [a, b]
}

function picksAt(now: number, states: EndpointState[]): Record<string, number> {
  const balancer = new RandomChoices(candidatesOf(states), isCheaper)
  const context = { now, random: seededRandom(1) }
  return tally(Array.from({ length: 40 }, () => balancer.pick(context)))
}

t.test('of two idle endpoints the faster is taken', async t => {
  const [slow, fast] = pair()
  observeLatency(slow, 50, 0)
  observeLatency(fast, 10, 0)
  t.strictSame(picksAt(0, [slow, fast]), { e1: 40 })
})

t.test('requests in flight weigh against speed', async t => {
  const [slow, fast] = pair()
  observeLatency(slow, 50, 0)
  observeLatency(fast, 10, 0)
  fast.active = 5
  t.strictSame(picksAt(0, [slow, fast]), { e0: 40 }, '50 × 1 is less than 10 × 6')
})

t.test('requests in flight count in proportion to weight', async t => {
  const states = endpointStates(4, 1)
  for (const state of states) observeLatency(state, 10, 0)
  if (states[0]) states[0].active = 4
  if (states[1]) states[1].active = 2
  t.strictSame(picksAt(0, states), { e0: 40 })
})

t.test('an estimate follows a peak at once and forgets it in tens of seconds', async t => {
  const [state] = pair()
  observeLatency(state, 10, 0)
  observeLatency(state, 500, 1)
  t.equal(state.ewmaMs, 500)
  observeLatency(state, 10, 1001)
  t.ok(state.ewmaMs > 400 && state.ewmaMs < 500, `after 1 s: ${state.ewmaMs}`)
  observeLatency(state, 10, 41_001)
  t.ok(state.ewmaMs > 10 && state.ewmaMs < 30, `after 40 s: ${state.ewmaMs}`)
})

t.test('an endpoint that gets no traffic fades and is tried again', async t => {
  const [slow, fast] = pair()
  observeLatency(slow, 100, 0)
  observeLatency(fast, 10, 0)
  t.strictSame(picksAt(20_000, [slow, fast]), { e1: 40 })
  observeLatency(fast, 10, 25_000)
  t.strictSame(picksAt(25_000, [slow, fast]), { e0: 40 }, '100 ms of 25 s ago count as 8')
})

t.test('a new endpoint gets its share and no rush', async t => {
  const [known, fresh] = pair()
  observeLatency(known, 1, 0)
  const idle = picksAt(0, [known, fresh])
  t.ok((idle['e0'] ?? 0) > 8 && (idle['e1'] ?? 0) > 8, 'both are taken while idle')
  fresh.active = 1
  t.strictSame(picksAt(0, [known, fresh]), { e0: 40 }, 'one unanswered request is enough')
})

t.test('an endpoint that fails fast does not look fast', async t => {
  const [failing, well] = pair()
  observeLatency(well, 10, 0)
  observeLatency(failing, 8, 0)
  observeFailure(failing, 0.1, 0)
  t.strictSame(picksAt(0, [failing, well]), { e1: 40 })
})

t.test('the penalty of failures is bounded', async t => {
  const [failing] = pair()
  for (let i = 0; i < 100; i++) observeFailure(failing, 1, 0)
  t.equal(failing.ewmaMs, 10_000)
  observeFailure(failing, 60_000, 0)
  t.equal(failing.ewmaMs, 60_000, 'a real wait counts in full')
})
