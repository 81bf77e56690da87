import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { eventProblem, type CloudEvent } from '../../../../src/functions/payload/cloud-event.ts'
import { Schedule, type ScheduleOptions } from '../../../../src/functions/triggers/schedule.ts'
import type { ScheduleSpec } from '../../../../src/model/function/function-events.ts'
import { mockTime } from '../../../support/mock-time.ts'

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const start = Date.UTC(2026, 0, 31, 11, 59, 30)

/** Tests whose timers are not real any more. */
const worlds = new WeakSet<Test>()

/** A clock on the wall, timers that follow their own, and a queue that writes down what it was given. */
class World {
  wall = start
  ran = 0
  readonly keys: string[] = []
  readonly events: CloudEvent[] = []
  readonly said: string[] = []
  readonly signals: AbortSignal[] = []
  queue: (key: string) => Promise<void> = async () => {}
  readonly schedule: Schedule

  constructor(t: Test, spec: Partial<ScheduleSpec>, more: Partial<ScheduleOptions> = {}) {
    if (!worlds.has(t)) mockTime(t)
    worlds.add(t)
    const say = (_fields: object, message: string): void => void this.said.push(message)
    this.schedule = new Schedule({
      spec: { name: 'tick', cron: '* * * * *', ...spec },
      namespace: 'default',
      functionName: 'hello',
      emit: async (event, key, signal) => {
        this.signals.push(signal)
        this.keys.push(key)
        this.events.push(event)
        await this.queue(key)
      },
      logger: { debug: say, info: say, warn: say, error: say },
      now: () => this.ran,
      wallNow: () => this.wall,
      random: () => 1,
      ...more,
    })
    this.schedule.start()
    t.teardown(async () => this.schedule.close())
  }

  /** Time that passes for all clocks, in steps, because what is waited for arms the next timer. */
  async pass(ms: number, stepMs = Math.min(ms, secondMs)): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.wall += stepMs
      this.ran += stepMs
      mock.timers.tick(stepMs)
      await settle()
    }
  }

  /** The scheduled times of all that was emitted. */
  get times(): readonly string[] {
    return this.keys.map(key => key.slice('tick-2026-01-31T'.length, -5))
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate()
}

t.test('each run is an event with the instant it was scheduled for', async t => {
  const world = new World(t, { data: { a: 1 } })
  await world.pass(30 * secondMs - 1, secondMs - 1)
  world.wall += 40
  await world.pass(secondMs)
  t.strictSame(world.events, [
    {
      specversion: '1.0',
      id: 'tick-2026-01-31T12:00:00.000Z',
      source: '/functions/default/hello',
      type: 'dev.weft.schedule',
      subject: 'tick',
      time: '2026-01-31T12:00:00.000Z',
      extensions: new Map(),
      datacontenttype: 'application/json',
      data: { kind: 'json', value: { a: 1 } },
    },
  ])
  t.same(world.keys, ['tick-2026-01-31T12:00:00.000Z'])
  t.equal(eventProblem(world.events[0]!), undefined)
  t.same(world.schedule.counters, { fired: 1, failed: 0, missed: 0 })
})

t.test('nothing is emitted early, nor twice for one run', async t => {
  const world = new World(t, {})
  await world.pass(29 * secondMs)
  t.same(world.times, [])
  await world.pass(3 * minuteMs)
  t.same(world.times, ['12:00:00', '12:01:00', '12:02:00'])
})

t.test('two hosts give one run the same id, though one is later', async t => {
  const one = new World(t, {})
  const other = new World(t, {})
  other.wall -= 900
  await one.pass(30 * secondMs)
  t.equal(other.keys.length, 0)
  await other.pass(31 * secondMs)
  t.same(other.keys, one.keys)
})

t.test('the time zone is that of the schedule', async t => {
  const world = new World(t, { cron: '0 13 * * *', timeZone: 'Europe/Berlin' })
  await world.pass(minuteMs)
  t.same(world.times, ['12:00:00'])
})

t.test('a run that is months away is waited for in short waits', async t => {
  const world = new World(t, { cron: '0 12 1 7 *' })
  await world.pass(10 * minuteMs)
  world.wall = Date.UTC(2026, 6, 1, 12)
  await world.pass(30 * secondMs)
  t.same(world.keys, ['tick-2026-07-01T12:00:00.000Z'])
})

t.test('a refused event is tried again with the same key until the queue has it', async t => {
  const world = new World(t, {})
  let refusals = 3
  world.queue = async () => {
    if (refusals-- > 0) throw new Error('full')
  }
  await world.pass(30 * secondMs)
  await world.pass(1500, 250)
  t.equal(world.keys.length, 3)
  await world.pass(250)
  t.equal(world.keys.length, 4)
  t.equal(new Set(world.keys).size, 1)
  t.same(world.schedule.counters, { fired: 1, failed: 0, missed: 0 })
  t.same(world.said, ['schedule: queue refused'])
})

t.test('a refused event is given up when the next is due', async t => {
  const world = new World(t, {})
  world.queue = async key => {
    if (key.includes('12:00')) throw new Error('full')
  }
  await world.pass(2 * minuteMs)
  t.equal(world.times.at(-1), '12:01:00')
  t.same(world.schedule.counters, { fired: 1, failed: 1, missed: 0 })
})

t.test('a queue that throws, or says nothing, is as one that refuses', async t => {
  const silent: AbortSignal[] = []
  const world = new World(
    t,
    {},
    {
      emit: (_event, _key, signal) => {
        silent.push(signal)
        if (silent.length === 1) throw new Error('not even a promise')
        return silent.length === 2 ? new Promise(() => {}) : Promise.resolve()
      },
    },
  )
  await world.pass(35 * secondMs)
  t.equal(silent.length, 2)
  t.notOk(silent[1]?.aborted)
  await world.pass(10 * secondMs)
  t.equal(silent.length, 3)
  t.ok(silent[1]?.aborted)
  t.equal(world.schedule.counters.fired, 1)
})

t.test('a slow queue gets one event at a time, and late runs become missed ones', async t => {
  const world = new World(t, { cron: '* * * * * *' })
  let release = (): void => {}
  world.queue = async () => new Promise(resolve => (release = resolve))
  await world.pass(5 * secondMs)
  t.same(world.times, ['11:59:31'])
  release()
  await settle()
  t.same(world.times, ['11:59:31', '11:59:35'])
  t.same(world.schedule.counters, { fired: 1, failed: 0, missed: 3 })
  release()
})

t.test('runs that were slept through are skipped', async t => {
  const world = new World(t, { cron: '0 * * * *' })
  world.wall += 3 * hourMs + 10 * minuteMs
  await world.pass(30 * secondMs)
  t.same(world.times, [])
  t.equal(world.schedule.counters.missed, 4)
  await world.pass(hourMs)
  t.same(world.times, ['16:00:00'])
})

t.test('or the last of them is emitted, once', async t => {
  const world = new World(t, { cron: '0 * * * *', missed: 'once' })
  world.wall += 3 * hourMs + 10 * minuteMs
  await world.pass(2 * minuteMs)
  t.same(world.times, ['15:00:00'])
  t.equal(world.schedule.counters.missed, 3)
})

t.test('a year of sleep costs no more than a minute of it', async t => {
  const world = new World(t, { cron: '* * * * * *', missed: 'once' })
  await world.pass(secondMs)
  world.wall = Date.UTC(2027, 0, 31, 12) - 500
  await world.pass(secondMs)
  t.same(world.keys, ['tick-2026-01-31T11:59:31.000Z', 'tick-2027-01-31T12:00:00.000Z'])
  t.equal(world.schedule.counters.missed, 100)
})

t.test('a run that is late by less than a minute is punctual', async t => {
  const world = new World(t, { cron: '0 * * * *' })
  world.wall += minuteMs
  await world.pass(30 * secondMs)
  t.same(world.times, ['12:00:00'])
  t.equal(world.schedule.counters.missed, 0)
})

t.test('a clock that is set back repeats nothing', async t => {
  const world = new World(t, { cron: '0 * * * *' })
  await world.pass(hourMs + minuteMs)
  t.same(world.times, ['12:00:00', '13:00:00'])
  world.wall -= 90 * minuteMs
  await world.pass(3 * hourMs, 10 * secondMs)
  t.same(world.times, ['12:00:00', '13:00:00', '14:00:00'])
})

t.test('a clock that was far ahead is no reason to wait for that day', async t => {
  const world = new World(t, { cron: '0 * * * *', missed: 'once' })
  const ahead = 4 * hourMs + 10 * minuteMs
  world.wall += ahead
  await world.pass(minuteMs)
  t.same(world.times, ['16:00:00'])
  world.wall -= ahead
  await world.pass(5 * hourMs, 10 * secondMs)
  t.same(world.times, ['16:00:00', '13:00:00', '14:00:00', '15:00:00', '17:00:00'])
})

t.test('closed, it emits nothing any more, and gives the queue a second', async t => {
  const world = new World(t, {})
  world.queue = async () => new Promise(() => {})
  await world.pass(31 * secondMs)
  t.equal(world.keys.length, 1)
  const closed = world.schedule.close()
  mock.timers.tick(999)
  t.equal(world.signals[0]?.aborted, false)
  mock.timers.tick(1)
  await closed
  t.equal(world.signals[0]?.aborted, true)
  await world.pass(5 * minuteMs)
  t.equal(world.keys.length, 1)
  t.same(world.schedule.counters, { fired: 0, failed: 0, missed: 0 })
})

t.test('an event that the queue is about to take is not lost by the end', async t => {
  const world = new World(t, {})
  let release = (): void => {}
  world.queue = async () => new Promise(resolve => (release = resolve))
  await world.pass(30 * secondMs)
  const closed = world.schedule.close()
  release()
  await closed
  t.equal(world.schedule.counters.fired, 1)
})

t.test('it can be closed while it waits, and before it was started', async t => {
  const world = new World(t, {})
  await world.schedule.close()
  t.equal(world.keys.length, 0)
  t.throws(() => new World(t, { cron: 'x' }))
})
