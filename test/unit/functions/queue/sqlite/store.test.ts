import { spawnSync } from 'node:child_process'
import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { dirname } from 'node:path'
import t from 'tap'
import type { StoreCommand } from '../../../../../src/functions/queue/sqlite/protocol.ts'
import { newEvent } from '../events.ts'
import { StoreBench } from './store-bench.ts'

const hourMs = 3_600_000

t.test(
  'a store that is opened again has all that was put, and what was leased is free',
  async t => {
    const bench = new StoreBench(t)
    bench.put({ id: 'a', payload: Buffer.from('1') })
    bench.put({ id: 'b' })
    bench.takeOne(hourMs)
    bench.reopen()
    const { events } = bench.take(5)
    t.strictSame(
      events.map(({ event }) => event.id),
      ['a', 'b'],
    )
    t.match(bench.last?.depth, { events: 2, bytes: 3 })
  },
)

t.test('an older lease can do nothing to an event that another has', async t => {
  const bench = new StoreBench(t)
  bench.put()
  const { handle: old } = bench.takeOne(10)
  bench.pass(10)
  const { handle } = bench.takeOne(10)
  t.equal(bench.acknowledge(old), false)
  t.equal(bench.giveBack(old), false)
  t.equal(bench.extend(old, 1000), false)
  t.equal(bench.acknowledge(handle), true)
  t.equal(bench.acknowledge(handle), false)
})

t.test('a lease that ran out still counts while nobody else has the event', async t => {
  const bench = new StoreBench(t)
  bench.put()
  const { handle } = bench.takeOne(10)
  bench.pass(50)
  t.equal(bench.acknowledge(handle), true)
  t.strictSame(bench.take().events, [])
})

t.test('tells when the next may be due', async t => {
  const bench = new StoreBench(t)
  t.equal(bench.take().nextInMs, undefined)
  bench.put()
  bench.giveBack(bench.takeOne().handle, { delayMs: 700 })
  t.equal(bench.take().nextInMs, 700)
  bench.put()
  bench.takeOne(300)
  t.equal(bench.take().nextInMs, 300)
})

t.test(
  'the wall clock may jump while the store is open: nothing is due sooner or later',
  async t => {
    const bench = new StoreBench(t)
    bench.put()
    bench.giveBack(bench.takeOne().handle, { delayMs: 1000 })
    bench.wall += 48 * hourMs
    t.strictSame(bench.take().events, [])
    bench.wall -= 96 * hourMs
    bench.monotonic += 1000
    t.equal(bench.takeOne().event.ageMs, 1000)
  },
)

t.test(
  'a clock that was set back between two starts holds nothing for longer than its delay',
  async t => {
    const bench = new StoreBench(t)
    bench.put({ id: 'a', idempotencyKey: 'k' })
    bench.giveBack(bench.takeOne().handle, { delayMs: 1000 })
    bench.wall -= 48 * hourMs
    bench.reopen()
    t.strictSame(bench.take().events, [])
    t.equal(bench.take().nextInMs, 1000)
    bench.pass(1000)
    t.match(bench.takeOne().event, { id: 'a', ageMs: 1000 })
    bench.pass(24 * hourMs)
    t.match(bench.put({ idempotencyKey: 'k' }), { kind: 'stored' }, 'the key ends in time, too')
  },
)

t.test('a key is known for its window, also to the next process', async t => {
  const bench = new StoreBench(t)
  bench.put({ id: 'first', idempotencyKey: 'k' })
  bench.pass(24 * hourMs - 1)
  bench.reopen()
  t.strictSame(bench.put({ idempotencyKey: 'k' }), { kind: 'duplicate', id: 'first' })
  bench.pass(1)
  t.match(bench.put({ id: 'second', idempotencyKey: 'k' }), { kind: 'stored', id: 'second' })
})

t.test('no more keys are kept than allowed, but for those since the last look', async t => {
  const bench = new StoreBench(t, { maxKeys: 10 })
  const key = (number: number) => ({ id: `${number}`, idempotencyKey: `k${number}` })
  for (let number = 0; number <= 256; number++, bench.pass(1)) bench.put(key(number))
  t.match(bench.put(key(256)), { kind: 'duplicate' })
  t.match(bench.put(key(247)), { kind: 'duplicate' })
  t.match(bench.put(key(246)), { kind: 'stored' })
})

t.test('bytes are bounded, of what was noted too, and come back', async t => {
  const bench = new StoreBench(t, { maxBytes: 100 })
  bench.put({ payload: Buffer.alloc(60), clientContext: 'x'.repeat(30) })
  t.match(bench.put({ payload: Buffer.alloc(11) }), { kind: 'refused', reason: 'bytes' })
  t.match(bench.put({ payload: Buffer.alloc(1) }), { kind: 'stored' })
  const { handle } = bench.takeOne()
  bench.giveBack(handle, { verdict: 'x'.repeat(40) })
  t.equal(bench.last?.depth.bytes, 131)
  bench.giveBack(bench.takeOne().handle, { delayMs: 5 })
  bench.acknowledge(bench.takeOne().handle)
  t.equal(bench.last?.depth.bytes, 90)
})

t.test('a put that the disk refuses fails alone, and what is done makes room again', async t => {
  const bench = new StoreBench(t, { maxPages: 64 })
  const large = (): StoreCommand => ({
    kind: 'put',
    event: newEvent({ payload: Buffer.alloc(100_000) }),
  })
  const small = (): StoreCommand => ({ kind: 'put', event: newEvent() })
  const { results } = bench.run([small(), large(), large(), large(), small()])
  t.match(results, [
    { kind: 'stored' },
    { kind: 'stored' },
    { kind: 'stored' },
    { kind: 'refused', reason: 'disk', detail: /full/ },
    { kind: 'stored' },
  ])
  const { events } = bench.take(10)
  t.equal(events.length, 4)
  t.match(bench.one(large()), { kind: 'refused', reason: 'disk' })
  for (const { handle } of events) t.equal(bench.acknowledge(handle), true)
  t.match(bench.one(large()), { kind: 'stored' })
  t.match(bench.last?.depth, { events: 1, bytes: 100_000 })
})

for (const [how, damage] of [
  ['is no database', (path: string) => writeFileSync(path, 'garbage\n'.repeat(2000))],
  ['was cut short', (path: string) => truncateSync(path, statSync(path).size / 2)],
  [
    'has a page of noise',
    (path: string) => {
      const bytes = readFileSync(path)
      writeFileSync(path, bytes.fill(0xa5, 4096, 3 * 4096))
    },
  ],
  [
    'was written by another version',
    (path: string) => {
      const database = new DatabaseSync(path)
      database.exec('PRAGMA user_version = 99')
      database.close()
    },
  ],
] as const)
  t.test(`a file that ${how} is set aside, and said to be`, async t => {
    const bench = new StoreBench(t)
    for (let i = 0; i < 50; i++) bench.put({ payload: Buffer.alloc(1000) })
    bench.close()
    damage(bench.path)
    const before = readFileSync(bench.path)
    bench.reopen()
    t.match(bench.put({ id: 'new' }), { kind: 'stored' })
    const [aside] = readdirSync(dirname(bench.path)).filter(name => name.includes('.damaged-'))
    t.ok(aside)
    t.ok(readFileSync(`${dirname(bench.path)}/${aside}`).equals(before))
    t.match(bench.last?.notices, [{ message: /damaged/, fields: { aside: /damaged-\d+$/ } }])
    t.equal(bench.takeOne().event.id, 'new')
  })

t.test('damage that shows up at work costs what was there, and not the queue', async t => {
  const bench = new StoreBench(t)
  const event = (): StoreCommand => ({
    kind: 'put',
    event: newEvent({ payload: Buffer.alloc(3000) }),
  })
  bench.run(Array.from({ length: 2000 }, event))
  bench.reopen()
  bench.take()
  // Behind the back of SQLite, which has read the first pages only.
  const bytes = readFileSync(bench.path)
  writeFileSync(bench.path, bytes.fill(0xa5, 4096))
  const seen = new Set<string>()
  for (let i = 0; i < 2000 && seen.size === 0; i++) {
    const taken = bench.take(100, 1)
    bench.pass(2)
    if (taken.failure !== undefined) seen.add(taken.failure)
    for (const { message } of bench.last?.notices ?? []) seen.add(message)
  }
  t.ok([...seen].some(text => text.includes('set aside')))
  t.match(bench.put({ id: 'new' }), { kind: 'stored' })
})

t.test('several damaged files at once all keep a name', async t => {
  const bench = new StoreBench(t)
  for (let i = 0; i < 3; i++) {
    bench.close()
    writeFileSync(bench.path, 'garbage\n'.repeat(2000))
    bench.put()
  }
  const names = readdirSync(dirname(bench.path)).filter(name => /damaged-\d+(-\d)?$/.test(name))
  t.equal(names.length, 3)
})

t.test(
  'a file that another process has open is tried again, and puts are refused meanwhile',
  async t => {
    const bench = new StoreBench(t)
    bench.put({ id: 'a' })
    bench.close()
    const holder = new DatabaseSync(bench.path)
    holder.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    bench.reopen()
    t.match(bench.put(), { kind: 'refused', reason: 'disk', detail: /locked/ })
    t.match(bench.last?.notices, [{ message: /cannot open/ }])
    t.match(bench.take(), { failure: /locked/, events: [] })
    t.strictSame(bench.last?.notices, [], 'said once')
    holder.close()
    bench.pass(5000)
    t.equal(bench.takeOne().event.id, 'a')
  },
)

t.test('a folder that can’t be made refuses puts until it can', async t => {
  const directory = t.testdir({ state: 'a file' })
  const bench = new StoreBench(t, {}, `${directory}/state/events.sqlite`)
  t.match(bench.put(), { kind: 'refused', reason: 'disk' })
  spawnSync('rm', [`${directory}/state`])
  bench.pass(5000)
  t.match(bench.put(), { kind: 'stored' })
  t.ok(existsSync(bench.path))
})
