import fc from 'fast-check'
import t from 'tap'
import { InstanceScaler, type Census } from '../../../../src/functions/scaling/instance-scaler.ts'
import type { FunctionScale, FunctionSpec } from '../../../../src/model/function/function.ts'
import { functionSpec } from '../../../support/functions/sandbox.ts'

const secondMs = 1000
const minuteMs = 60_000

function scaled(changes: Partial<FunctionScale> = {}, more: Partial<FunctionSpec> = {}) {
  return functionSpec({ ...more, scale: { ...functionSpec().scale, ...changes } })
}

function census(changes: Partial<Census> = {}): Census {
  return { now: 0, queued: 0, oldestSince: undefined, ready: 0, starting: 0, ...changes }
}

const idle = (idleSince: number) => ({ idleSince })
const busy = idle(Number.POSITIVE_INFINITY)

/** One that has been called, and is not any more since 0. */
function idleScaler(): InstanceScaler {
  const scaler = new InstanceScaler(0)
  scaler.setLoad(0, 0)
  return scaler
}

t.test('one that nobody calls is not started', async t => {
  t.equal(idleScaler().missing(scaled(), census()), 0)
})

t.test('what is missing', async t => {
  const table = [
    ['the least are kept', { min: 2 }, {}, 2],
    ['those that start count', { min: 2 }, { starting: 1, ready: 1 }, 0],
    ['who waits gets one', {}, { queued: 1, oldestSince: 0 }, 1],
    ['each who waits gets one', {}, { queued: 4, oldestSince: 0 }, 4],
    ['but for whom one starts', {}, { queued: 4, oldestSince: 0, starting: 3 }, 1],
    ['there are no more than the most', { max: 3 }, { queued: 9, oldestSince: 0, ready: 1 }, 2],
    ['nor is one started above', { max: 1 }, { queued: 9, oldestSince: 0, ready: 1 }, 0],
  ] as const
  for (const [name, scale, seen, missing] of table)
    t.equal(idleScaler().missing(scaled(scale), census(seen)), missing, name)
})

t.test('an instance that takes several at once stands for several', async t => {
  const spec = scaled({}, { concurrency: 10 })
  t.equal(idleScaler().missing(spec, census({ queued: 11, oldestSince: 0 })), 2)
})

t.test('none is started that would come later than one that works', async t => {
  const scaler = new InstanceScaler(0)
  scaler.served(10)
  scaler.started(1000)
  const waiting = census({ now: 5, queued: 3, oldestSince: 0, ready: 1 })
  t.equal(scaler.missing(scaled(), waiting), 0)
  t.equal(scaler.missing(scaled(), { ...waiting, now: 1000 }), 3, 'it was promised too much')
})

t.test('it is looked again when whoever waits has waited for as long as a start takes', async t => {
  const scaler = new InstanceScaler(0)
  t.equal(scaler.lookAgainMs(census()), undefined)
  t.equal(scaler.coldMs, 500)
  t.equal(scaler.lookAgainMs(census({ now: 200, oldestSince: 0 })), 300)
  t.equal(scaler.lookAgainMs(census({ now: 900, oldestSince: 0 })), 1, 'never at once')
  scaler.started(100)
  t.equal(scaler.coldMs, 100)
})

t.test('how long one more would wait', async t => {
  const scaler = new InstanceScaler(0)
  const spec = scaled({ max: 2 }, { concurrency: 5 })
  const table = [
    [census({ ready: 1 }), 0],
    [census({ ready: 0 }), 2000],
    [census({ ready: 0, starting: 1 }), 2000],
    [census({ ready: 2, queued: 9 }), 0],
    [census({ ready: 2, queued: 10 }), 100],
    [census({ ready: 2, queued: 35 }), 300],
  ] as const
  scaler.served(100)
  scaler.started(2000)
  for (const [seen, waitMs] of table) t.equal(scaler.expectedWaitMs(spec, seen), waitMs)
  const unknown = new InstanceScaler(0)
  t.equal(unknown.expectedWaitMs(spec, census({ ready: 1, queued: 1000 })), 0)
})

t.test('a fixed keep-alive ends each at its time, whatever the load was', async t => {
  const spec = scaled({ keepAliveMs: 10_000 })
  const scaler = idleScaler()
  const instances = [idle(3000), busy, idle(1000), idle(2000)]
  t.strictSame(scaler.surplus(spec, 10_999, instances), [])
  t.strictSame(scaler.surplus(spec, 11_000, instances), [idle(1000)])
  t.strictSame(scaler.surplus(spec, 12_000, instances), [idle(1000), idle(2000)])
  t.strictSame(scaler.surplus(spec, 60_000, instances), [idle(1000), idle(2000), idle(3000)])
  t.strictSame(scaler.surplus(spec, 10_999, [idle(1000)]), [])
  t.strictSame(scaler.surplus(spec, 11_000, [idle(1000)]), [idle(1000)], 'the last too')
  t.strictSame(scaler.surplus({ ...spec, scale: { ...spec.scale, min: 3 } }, 60_000, instances), [
    idle(1000),
  ])
})

t.test('what a fixed keep-alive has ended is not started again at once', async t => {
  const spec = scaled({ keepAliveMs: 2000 })
  const scaler = new InstanceScaler(0)
  // The one that always works, and those beside it.
  let others: { readonly idleSince: number }[] = []
  let starts = 0
  for (let now = 0; now < 10 * minuteMs; now += secondMs) {
    scaler.setLoad(now, 1)
    scaler.look(spec, census({ now, ready: 1 + others.length }))
    const ended = scaler.surplus(spec, now, [busy, ...others])
    others = others.filter(other => !ended.includes(other))
    const missing = scaler.missing(spec, census({ now, ready: 1 + others.length }))
    for (let count = 0; count < missing; count++) others.push(idle(now))
    starts += Math.max(0, missing)
  }
  t.equal(starts, 1, 'it makes room once')
  const now = 10 * minuteMs
  t.equal(scaler.missing(spec, census({ now, ready: 1, queued: 1, oldestSince: now })), 1)
})

t.test('a load has as many as it wants, with room', async t => {
  const spec = scaled({ keepAliveMs: 'auto', target: 0.5 })
  const scaler = new InstanceScaler(0)
  for (let now = 0; now <= 2 * minuteMs; now += secondMs) {
    scaler.setLoad(now, 3)
    scaler.look(spec, census({ now, ready: 3 }))
  }
  t.equal(scaler.missing(spec, census({ now: 2 * minuteMs, ready: 3 })), 3)
})

t.test('what is more than is wanted ends a minute after it last worked', async t => {
  const spec = scaled({ keepAliveMs: 'auto' })
  const scaler = new InstanceScaler(0)
  scaler.started(10_000)
  const at = 10 * minuteMs
  for (let now = 0; now <= at; now += secondMs) {
    scaler.setLoad(now, 1)
    scaler.look(spec, census({ now, ready: 4 }))
  }
  const since = (ms: number) => idle(at - ms)
  t.strictSame(scaler.surplus(spec, at, [busy, since(59_999), since(1), since(2)]), [])
  const instances = [busy, since(60_000), since(61_000), since(62_000)]
  t.strictSame(
    scaler.surplus(spec, at, instances),
    [since(62_000), since(61_000)],
    'the idlest first, and not below what is wanted',
  )
})

t.test('the last of an automatic one ends when keeping it has cost as much as a start', async t => {
  const spec = scaled({ keepAliveMs: 'auto' })
  const scaler = idleScaler()
  scaler.started(100)
  for (let now = 0; now <= 2 * minuteMs; now += secondMs)
    scaler.look(spec, census({ now, ready: 1 }))
  // 100 ms × 409 600 MiB / 128 MiB
  t.strictSame(scaler.surplus(spec, 319_999, [idle(0)]), [])
  t.strictSame(scaler.surplus(spec, 320_000, [idle(0)]), [idle(0)])
})

t.test('a function that is called every half hour is there shortly before', async t => {
  const spec = scaled({ keepAliveMs: 'auto' }, { memoryMib: 1024 })
  const scaler = new InstanceScaler(0)
  scaler.started(1000)
  let now = 0
  for (let call = 0; call < 25; call++) {
    scaler.setLoad(now, 1)
    now += secondMs
    scaler.setLoad(now, 0)
    now += 30.5 * minuteMs
  }
  scaler.setLoad(now, 1)
  const since = now + secondMs
  scaler.setLoad(since, 0)
  scaler.look(spec, census({ now: since }))
  const at = (minutes: number) => since + minutes * minuteMs
  const missing = (minutes: number): number => scaler.missing(spec, census({ now: at(minutes) }))
  t.strictSame(scaler.surplus(spec, at(1), [idle(since)]), [idle(since)], 'not kept until then')
  t.equal(missing(26.9), 0)
  t.equal(missing(27), 1)
  t.equal(missing(34), 1)
  t.equal(missing(34.2), 0, 'nobody came')
  t.strictSame(scaler.surplus(spec, at(33), [idle(at(27))]), [], 'started for a call, it stays')
  t.strictSame(scaler.surplus(spec, at(35), [idle(at(27))]), [idle(at(27))])
})

const scales = fc
  .record({
    min: fc.integer({ min: 0, max: 5 }),
    more: fc.integer({ min: 0, max: 10 }),
    target: fc.double({ min: 0.05, max: 1, noNaN: true }),
    keepAliveMs: fc.oneof(fc.constant('auto' as const), fc.integer({ min: 1, max: 120_000 })),
    tier: fc.constantFrom('hot' as const, 'frozen' as const),
    concurrency: fc.integer({ min: 1, max: 20 }),
  })
  .map(({ min, more, concurrency, ...scale }) =>
    scaled({ ...scale, min, max: Math.max(1, min + more) }, { concurrency }),
  )

const step = fc.record({
  ms: fc.integer({ min: 0, max: 30_000 }),
  load: fc.integer({ min: 0, max: 100 }),
  queued: fc.integer({ min: 0, max: 50 }),
  starting: fc.integer({ min: 0, max: 5 }),
  serviceMs: fc.integer({ min: 0, max: 10_000 }),
})

t.test(
  'whatever happens there are neither more than the most nor fewer than the least',
  async () => {
    fc.assert(
      fc.property(scales, fc.array(step, { maxLength: 60 }), (spec, steps) => {
        const { min, max } = spec.scale
        const scaler = new InstanceScaler(0)
        let now = 0
        let instances: { readonly idleSince: number }[] = []
        for (const { ms, load, queued, starting, serviceMs } of steps) {
          now += ms
          scaler.setLoad(now, load)
          scaler.served(serviceMs)
          const seen = (): Census => ({
            now,
            queued,
            oldestSince: queued === 0 ? undefined : now - ms,
            ready: instances.length,
            starting: Math.min(starting, max - instances.length),
          })
          scaler.look(spec, seen())
          const working = Math.min(load, instances.length)
          instances = instances.map((instance, index) => (index < working ? busy : instance))
          const ended = scaler.surplus(spec, now, instances)
          if (ended.some(({ idleSince }) => idleSince > now)) throw new Error('one that works ends')
          if (ended.length > Math.max(0, instances.length - min)) throw new Error('fewer than min')
          instances = instances.filter(instance => !ended.includes(instance))
          const { ready, starting: begun } = seen()
          const missing = scaler.missing(spec, seen())
          if (ready + begun + missing > max) throw new Error('more than max')
          if (ready + begun + missing < min) throw new Error('fewer than min after all')
          if (!(scaler.expectedWaitMs(spec, seen()) >= 0)) throw new Error('no wait')
          // They are ready by the next time.
          for (let count = 0; count < missing; count++) instances.push(idle(now))
          instances = instances.map(one => (one === busy ? idle(now) : one))
        }
      }),
      { numRuns: 500 },
    )
  },
)
