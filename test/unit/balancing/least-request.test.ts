import t from 'tap'
import { isLessBusy } from '../../../src/balancing/least-request.ts'
import { RandomChoices } from '../../../src/balancing/random-choices.ts'
import { candidatesOf, endpointStates, seededRandom, tally } from './endpoint-states.ts'

t.test('the busier of two endpoints gets nothing', async t => {
  const states = endpointStates(1, 1)
  if (states[0]) states[0].active = 3
  if (states[1]) states[1].active = 2
  const balancer = new RandomChoices(candidatesOf(states), isLessBusy)
  const context = { now: 0, random: seededRandom(1) }
  t.strictSame(tally(Array.from({ length: 50 }, () => balancer.pick(context))), { e1: 50 })
})

t.test('with others out of the choice it still compares the two that are left', async t => {
  const states = endpointStates(1, 1, 1, 1)
  const [tried, ejected, busy] = states
  if (ejected) ejected.ejected = true
  if (busy) busy.active = 1
  const balancer = new RandomChoices(candidatesOf(states), isLessBusy)
  const context = { now: 0, random: seededRandom(1), tried: tried ? [tried] : [] }
  t.strictSame(tally(Array.from({ length: 50 }, () => balancer.pick(context))), { e3: 50 })
})

t.test('load counts in proportion to weight', async t => {
  const states = endpointStates(4, 1)
  if (states[0]) states[0].active = 7
  if (states[1]) states[1].active = 2
  const balancer = new RandomChoices(candidatesOf(states), isLessBusy)
  const context = { now: 0, random: seededRandom(1) }
  t.strictSame(tally(Array.from({ length: 50 }, () => balancer.pick(context))), { e0: 50 })
})

t.test('requests that never end pile up evenly', async t => {
  const states = endpointStates(1, 1, 1, 1, 1)
  const balancer = new RandomChoices(candidatesOf(states), isLessBusy)
  const context = { now: 0, random: seededRandom(1) }
  for (let i = 0; i < 500; i++) {
    const picked = balancer.pick(context)
    if (picked) picked.active++
  }
  for (const state of states)
    t.ok(Math.abs(state.active - 100) <= 4, `${state.endpoint.id}: ${state.active}`)
})
