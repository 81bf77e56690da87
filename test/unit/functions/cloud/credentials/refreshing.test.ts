import t from 'tap'
import { Refreshing } from '../../../../../src/functions/cloud/credentials/refreshing.ts'
import { mockTime } from '../../../../support/mock-time.ts'
import { mock } from 'node:test'

const never = new AbortController().signal
const minute = 60_000

function setUp(lifeMs: number) {
  const clock = { now: 1_000_000 }
  const loads: { resolve: () => void; reject: (error: Error) => void }[] = []
  const refreshing = new Refreshing<{ expiresAt: number; number: number }>({
    wallNow: () => clock.now,
    load: () =>
      new Promise((resolve, reject) => {
        const number = loads.length + 1
        loads.push({ resolve: () => resolve({ expiresAt: clock.now + lifeMs, number }), reject })
      }),
  })
  return { clock, loads, refreshing }
}

t.test('all that wait share one load', async t => {
  const { loads, refreshing } = setUp(60 * minute)
  const waiting = [refreshing.get(never), refreshing.get(never), refreshing.get(never)]
  loads[0]?.resolve()
  t.same(
    (await Promise.all(waiting)).map(({ number }) => number),
    [1, 1, 1],
  )
  await refreshing.get(never)
  t.equal(loads.length, 1)
})

t.test('five minutes before its end it is replaced while callers go on', async t => {
  const { clock, loads, refreshing } = setUp(60 * minute)
  const first = refreshing.get(never)
  loads[0]?.resolve()
  await first
  clock.now += 55 * minute - 1
  await refreshing.get(never)
  t.equal(loads.length, 1)
  clock.now += 1
  t.equal((await refreshing.get(never)).number, 1)
  t.equal(loads.length, 2)
  loads[1]?.resolve()
  await new Promise(setImmediate)
  t.equal((await refreshing.get(never)).number, 2)
})

t.test('a refresh that fails leaves what is still valid, and is not repeated at once', async t => {
  const { clock, loads, refreshing } = setUp(60 * minute)
  const first = refreshing.get(never)
  loads[0]?.resolve()
  await first
  clock.now += 56 * minute
  await refreshing.get(never)
  loads[1]?.reject(new Error('away'))
  await new Promise(setImmediate)
  t.equal((await refreshing.get(never)).number, 1)
  t.equal(loads.length, 2)
  clock.now += 15_000
  await refreshing.get(never)
  t.equal(loads.length, 3)
  loads[2]?.resolve()
})

t.test('what has expired is not given out, whatever happens', async t => {
  const { clock, loads, refreshing } = setUp(minute)
  const first = refreshing.get(never)
  loads[0]?.resolve()
  await first
  clock.now += minute
  const second = refreshing.get(never)
  loads.at(-1)?.reject(new Error('away'))
  await t.rejects(second, { message: 'away' })
})

t.test('what was refused is loaded anew, once it is not fresh from the source', async t => {
  const { clock, loads, refreshing } = setUp(60 * minute)
  const first = refreshing.get(never)
  loads[0]?.resolve()
  const value = await first
  refreshing.invalidate(value)
  t.equal(await refreshing.get(never), value)
  clock.now += 15_000
  refreshing.invalidate(value)
  const second = refreshing.get(never)
  loads[1]?.resolve()
  t.equal((await second).number, 2)
})

t.test('who gives up does not end the load of the others', async t => {
  const { loads, refreshing } = setUp(60 * minute)
  const impatient = new AbortController()
  const gone = refreshing.get(impatient.signal)
  const other = refreshing.get(never)
  impatient.abort(new Error('gone'))
  await t.rejects(gone, { message: 'gone' })
  loads[0]?.resolve()
  t.equal((await other).number, 1)
})

t.test('a load that never ends is given up', async t => {
  mockTime(t)
  const { loads, refreshing } = setUp(60 * minute)
  const waiting = refreshing.get(never)
  mock.timers.tick(10_000)
  await t.rejects(waiting, { code: 'timeout' })
  const again = refreshing.get(never)
  loads[1]?.resolve()
  t.equal((await again).number, 2)
})
