import { monotonicNow } from '../../../../src/base/clock.ts'
import { maxEventBytes, type EventQueue } from '../../../../src/functions/queue/event-queue.ts'
import type { Test } from 'tap'
import { newEvent, takeOne, takeUpTo } from './events.ts'

interface ContractOptions {
  readonly leaseMs?: number
  readonly maxEvents?: number
}

interface ContractTest {
  readonly name: string
  readonly options?: ContractOptions
  /** Where another can't be opened: the same. */
  readonly run: (t: Test, queue: EventQueue) => Promise<void>
}

/** A wait that is too short for anything to come that should not. */
const shortly = { waitMs: 50 }

/** What each implementation of the queue must do. */
export const contract: readonly ContractTest[] = [
  {
    name: 'an event comes out as it was put in',
    async run(t, queue) {
      const event = newEvent({
        qualifier: '7',
        payload: Buffer.from([0, 255, 10, 13, 128]),
        clientContext: '{\r\n "custom": "ä"\n}',
        traceId: 'Root=1-5759e988-bd862e3fe1be46a994272793',
      })
      const before = Date.now()
      t.strictSame(await queue.put(event), { kind: 'stored', id: event.id })
      const { event: taken } = await takeOne(queue)
      const { idempotencyKey, ...expected } = event
      t.equal(idempotencyKey, undefined)
      t.ok(Buffer.isBuffer(taken.payload))
      t.match(taken, expected)
      t.match(taken, { attempts: 0, throttles: 0, verdict: undefined })
      t.ok(Math.abs(taken.enqueuedAt - before) < 5000)
      t.ok(taken.ageMs >= 0 && taken.ageMs < 5000)
    },
  },
  {
    name: 'an event without a payload is one',
    async run(t, queue) {
      await queue.put(newEvent({ payload: Buffer.alloc(0) }))
      t.equal((await takeOne(queue)).event.payload.length, 0)
    },
  },
  {
    name: 'the largest payload is taken, and one more byte is not',
    async run(t, queue) {
      const payload = Buffer.alloc(maxEventBytes, 'x')
      t.match(await queue.put(newEvent({ payload })), { kind: 'stored' })
      t.ok((await takeOne(queue)).event.payload.equals(payload))
      const larger = newEvent({ payload: Buffer.alloc(maxEventBytes + 1) })
      t.match(await queue.put(larger), { kind: 'refused', reason: 'too-large' })
    },
  },
  {
    name: 'events come in the order in which they were put',
    async run(t, queue) {
      const events = Array.from({ length: 20 }, () => newEvent())
      for (const event of events) await queue.put(event)
      const ids: string[] = []
      while (ids.length < events.length) ids.push((await takeOne(queue)).event.id)
      t.strictSame(
        ids,
        events.map(({ id }) => id),
      )
    },
  },
  {
    name: 'what is acknowledged does not come again',
    options: { leaseMs: 300 },
    async run(t, queue) {
      await queue.put(newEvent())
      t.equal(await (await takeOne(queue, 300)).acknowledge(), true)
      t.strictSame(await takeUpTo(queue, 1, { waitMs: 1000, leaseMs: 300 }), [])
    },
  },
  {
    name: 'a leased event is nobody else’s until its lease runs out',
    options: { leaseMs: 1000 },
    async run(t, queue) {
      const event = newEvent()
      await queue.put(event)
      const since = monotonicNow()
      t.equal((await takeOne(queue, 1000)).event.id, event.id)
      t.equal((await takeOne(queue, 1000)).event.id, event.id)
      t.ok(monotonicNow() - since >= 990)
    },
  },
  {
    name: 'a lease that is extended lasts longer',
    options: { leaseMs: 1200 },
    async run(t, queue) {
      await queue.put(newEvent())
      const since = monotonicNow()
      const lease = await takeOne(queue, 1200)
      t.strictSame(await takeUpTo(queue, 1, { leaseMs: 1200, waitMs: 700 }), [])
      t.equal(await lease.extend(1200), true)
      const extendedAt = monotonicNow() - since
      await takeOne(queue, 1200)
      t.ok(monotonicNow() - since >= extendedAt + 1150)
    },
  },
  {
    name: 'what is given back comes again after its delay, with what was noted',
    async run(t, queue) {
      const event = newEvent({ payload: Buffer.from('"payload"'), clientContext: '{}' })
      await queue.put(event)
      const lease = await takeOne(queue)
      const since = monotonicNow()
      const change = { delayMs: 400, attempts: 1, throttles: 0 }
      t.equal(await lease.giveBack(change), true)
      const again = await takeOne(queue)
      t.ok(monotonicNow() - since >= 390)
      t.match(again.event, { id: event.id, attempts: 1, throttles: 0, clientContext: '{}' })
      t.equal(again.event.payload.toString(), '"payload"')
      t.equal(again.event.enqueuedAt, lease.event.enqueuedAt)
    },
  },
  {
    name: 'a verdict stays with its event, whatever else is noted',
    async run(t, queue) {
      await queue.put(newEvent({ payload: Buffer.from('"payload"') }))
      const first = await takeOne(queue)
      const verdict = '{"why":"ä"}'
      await first.giveBack({ delayMs: 0, attempts: 2, throttles: 1, verdict })
      const second = await takeOne(queue)
      t.match(second.event, { attempts: 2, throttles: 1, verdict })
      await second.giveBack({ delayMs: 20, attempts: 2, throttles: 2, verdict })
      const third = await takeOne(queue)
      t.match(third.event, { attempts: 2, throttles: 2, verdict })
      t.equal(third.event.payload.toString(), '"payload"')
    },
  },
  {
    name: 'one that was not run is counted apart from those that failed',
    async run(t, queue) {
      await queue.put(newEvent())
      for (let throttles = 0; throttles < 4; throttles++) {
        const lease = await takeOne(queue)
        t.match(lease.event, { attempts: 0, throttles })
        await lease.giveBack({ delayMs: 5, attempts: 0, throttles: throttles + 1 })
      }
      const lease = await takeOne(queue)
      const since = monotonicNow()
      await lease.giveBack({ delayMs: 300, attempts: 0, throttles: 5 })
      await takeOne(queue)
      t.ok(monotonicNow() - since >= 290)
    },
  },
  {
    name: 'an event that waits for its next try keeps no other',
    async run(t, queue) {
      await queue.put(newEvent())
      await (await takeOne(queue)).giveBack({ delayMs: 60_000, attempts: 1, throttles: 0 })
      const event = newEvent()
      await queue.put(event)
      t.equal((await takeOne(queue)).event.id, event.id)
    },
  },
  {
    name: 'an idempotency key that was seen is answered with the first event, and nothing is stored',
    async run(t, queue) {
      const first = await queue.put(newEvent({ idempotencyKey: 'order ü 1' }))
      t.equal(first.kind, 'stored')
      const id = 'id' in first ? first.id : ''
      const second = await queue.put(newEvent({ idempotencyKey: 'order ü 1' }))
      t.strictSame(second, { kind: 'duplicate', id })
      t.match(await queue.put(newEvent({ idempotencyKey: 'order ü 2' })), { kind: 'stored' })
      const lease = await takeOne(queue)
      t.equal(lease.event.id, id)
      await lease.acknowledge()
      t.match(await queue.put(newEvent({ idempotencyKey: 'order ü 1' })), { kind: 'duplicate' })
      await takeOne(queue)
      t.strictSame(await takeUpTo(queue, 1, shortly), [])
    },
  },
  {
    name: 'keys that come at once are one event',
    async run(t, queue) {
      const puts = Array.from({ length: 8 }, () => queue.put(newEvent({ idempotencyKey: 'same' })))
      const results = await Promise.all(puts)
      t.equal(results.filter(({ kind }) => kind === 'stored').length, 1)
      t.equal(new Set(results.map(result => 'id' in result && result.id)).size, 1)
    },
  },
  {
    name: 'a queue that is full says so, and takes one more for each that is done',
    options: { maxEvents: 3 },
    async run(t, queue) {
      for (let i = 0; i < 3; i++) await queue.put(newEvent())
      t.match(await queue.put(newEvent()), { kind: 'refused', reason: 'count' })
      await (await takeOne(queue)).acknowledge()
      t.match(await queue.put(newEvent()), { kind: 'stored' })
      t.match(await queue.put(newEvent()), { kind: 'refused', reason: 'count' })
    },
  },
  {
    name: 'whoever waits is woken by a put',
    async run(t, queue) {
      const taken = takeOne(queue)
      const event = newEvent()
      await queue.put(event)
      t.equal((await taken).event.id, event.id)
    },
  },
  {
    name: 'a wait ends when it is aborted',
    async run(t, queue) {
      const abort = new AbortController()
      const { signal } = abort
      const taken = queue.take({ max: 1, leaseMs: 1000, waitMs: 60_000, signal })
      setImmediate(() => abort.abort())
      t.strictSame(await taken, [])
    },
  },
]
