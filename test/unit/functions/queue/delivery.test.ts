import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../../src/base/log.ts'
import { Delivery, deliveryLimits, type Deliver } from '../../../../src/functions/queue/delivery.ts'
import {
  defaultPolicy,
  type DeliveryPolicy,
} from '../../../../src/functions/queue/delivery-policy.ts'
import type { QueuedEvent } from '../../../../src/functions/queue/event-queue.ts'
import type { InvocationRecord } from '../../../../src/functions/queue/invocation-record.ts'
import type { Invoke, Outcome } from '../../../../src/functions/queue/outcome.ts'
import { mockTime } from '../../../support/mock-time.ts'
import { FakeQueue, type Deed } from './fake-queue.ts'

const hourMs = 3_600_000
const arn = 'arn:aws:lambda:local:000000000000:function:hello:$LATEST'
const wall = Date.UTC(2026, 10, 27)

const success: Outcome = { kind: 'success', result: Buffer.from('{"ok":true}'), version: '$LATEST' }
const functionError: Outcome = {
  kind: 'function-error',
  document: Buffer.from('{"errorType":"TypeError","errorMessage":"no"}'),
  errorType: 'TypeError',
  version: '3',
}
const throttled: Outcome = { kind: 'throttled', detail: 'full' }

interface Bench {
  readonly queue: FakeQueue
  readonly delivery: Delivery
  readonly records: { readonly destination: string; readonly record: InvocationRecord }[]
  at: number
}

interface BenchOptions {
  readonly policy?: Partial<DeliveryPolicy>
  readonly invoke?: Invoke
  readonly deliver?: Deliver
  readonly random?: () => number
}

function startDelivery(t: Test, options: BenchOptions = {}): Bench {
  const queue = new FakeQueue()
  const records: Bench['records'] = []
  const bench: Omit<Bench, 'delivery'> = { queue, records, at: 0 }
  const delivery = new Delivery({
    queue,
    functionArn: arn,
    policy: { ...defaultPolicy, ...options.policy },
    invoke: options.invoke ?? (async () => success),
    deliver:
      options.deliver ??
      (async (destination, record) => {
        records.push({ destination, record })
      }),
    logger: silentLogger,
    now: () => bench.at,
    wallNow: () => wall,
    random: options.random ?? (() => 0.5),
  })
  delivery.start()
  t.teardown(() => delivery.drain(0))
  return Object.assign(bench, { delivery })
}

interface Row {
  readonly when: string
  readonly so: string
  readonly event?: Partial<QueuedEvent>
  readonly outcome?: Outcome
  readonly policy?: Partial<DeliveryPolicy>
  /** Whether the function runs. Default true. */
  readonly runs?: boolean
  readonly deed: Partial<Deed>
  readonly told?: {
    readonly destination: string
    readonly condition: string
    readonly count: number
  }
  readonly counters: object
}

const both = { onFailure: 'failures', onSuccess: 'successes' }
const done = { did: 'acknowledge' } as const
const back = { did: 'give-back' } as const

const table: readonly Row[] = [
  { when: 'success', so: 'done', outcome: success, deed: done, counters: { delivered: 1 } },
  {
    when: 'success with a destination',
    so: 'told, then done',
    outcome: success,
    policy: both,
    deed: done,
    told: { destination: 'successes', condition: 'Success', count: 1 },
    counters: { delivered: 1, deadLettered: 0 },
  },
  {
    when: 'the first function error',
    so: 'again in a minute',
    outcome: functionError,
    policy: both,
    deed: { ...back, delayMs: 60_000, attempts: 1, throttles: 0 },
    counters: { retried: 1, deadLettered: 0 },
  },
  {
    when: 'the second function error',
    so: 'again in two minutes',
    event: { attempts: 1, throttles: 4 },
    outcome: functionError,
    deed: { ...back, delayMs: 120_000, attempts: 2, throttles: 4 },
    counters: { retried: 1 },
  },
  {
    when: 'the third function error',
    so: 'dead letter',
    event: { attempts: 2 },
    outcome: functionError,
    policy: both,
    deed: done,
    told: { destination: 'failures', condition: 'RetriesExhausted', count: 3 },
    counters: { retried: 0, deadLettered: 1, dropped: 0 },
  },
  {
    when: 'the third function error without a destination',
    so: 'dropped',
    event: { attempts: 2 },
    outcome: functionError,
    policy: { onSuccess: 'successes' },
    deed: done,
    counters: { deadLettered: 0, dropped: 1 },
  },
  {
    when: 'a function error where none is retried',
    so: 'dead letter',
    outcome: functionError,
    policy: { ...both, retries: 0 },
    deed: done,
    told: { destination: 'failures', condition: 'RetriesExhausted', count: 1 },
    counters: { deadLettered: 1 },
  },
  {
    when: 'a function error shortly before it is too old',
    so: 'again when it is',
    event: { ageMs: 6 * hourMs - 5000 },
    outcome: functionError,
    deed: { ...back, delayMs: 5000, attempts: 1 },
    counters: { retried: 1 },
  },
  {
    when: 'no room',
    so: 'again within a second, no try counted',
    outcome: throttled,
    deed: { ...back, delayMs: 500, attempts: 0, throttles: 1 },
    counters: { throttled: 1, retried: 0 },
  },
  {
    when: 'nowhere to run, for the fourth time',
    so: 'again within eight seconds',
    event: { attempts: 1, throttles: 3 },
    outcome: { kind: 'unavailable', detail: '' },
    deed: { ...back, delayMs: 4000, attempts: 1, throttles: 4 },
    counters: { throttled: 1 },
  },
  {
    when: 'a failure of ours, for the hundredth time',
    so: 'again within five minutes',
    event: { throttles: 99 },
    outcome: { kind: 'system-error', detail: 'broken' },
    deed: { ...back, delayMs: 150_000, throttles: 100 },
    counters: { throttled: 1 },
  },
  {
    when: 'too old',
    so: 'dead letter without a run',
    event: { ageMs: 6 * hourMs, attempts: 1 },
    runs: false,
    policy: both,
    deed: done,
    told: { destination: 'failures', condition: 'EventAgeExceeded', count: 1 },
    counters: { expired: 1, deadLettered: 1 },
  },
  {
    when: 'too old without a destination',
    so: 'dropped',
    event: { ageMs: 6 * hourMs },
    runs: false,
    deed: done,
    counters: { expired: 1, dropped: 1, deadLettered: 0 },
  },
]

for (const row of table)
  t.test(`${row.when}: ${row.so}`, async t => {
    let runs = 0
    const { queue, delivery, records } = startDelivery(t, {
      policy: row.policy ?? {},
      invoke: async () => {
        runs++
        return row.outcome ?? success
      },
    })
    queue.add(row.event)
    t.match(await queue.deed(row.deed.did ?? 'acknowledge'), row.deed)
    t.equal(runs, row.runs === false ? 0 : 1)
    const { told } = row
    t.match(
      records,
      told === undefined
        ? []
        : [
            {
              destination: told.destination,
              record: {
                requestContext: { condition: told.condition, approximateInvokeCount: told.count },
              },
            },
          ],
    )
    t.equal(records.length, told === undefined ? 0 : 1)
    t.match(delivery.counters, { ...row.counters, depth: 3, oldestAgeMs: 77 })
  })

t.test('an invocation that throws is a failure of ours', async t => {
  const { queue } = startDelivery(t, {
    invoke: () => Promise.reject(new Error('no such host')),
  })
  queue.add()
  t.match(await queue.deed('give-back'), { attempts: 0, throttles: 1 })
})

t.test('a record is as AWS Lambda documents it', async t => {
  const { queue, records } = startDelivery(t, {
    policy: { ...both, retries: 0 },
    invoke: async () => functionError,
  })
  queue.add()
  await queue.deed('acknowledge')
  t.strictSame(records[0]?.record, {
    version: '1.0',
    timestamp: '2026-11-27T00:00:00.000Z',
    requestContext: {
      requestId: 'e1',
      functionArn: arn,
      condition: 'RetriesExhausted',
      approximateInvokeCount: 1,
    },
    requestPayload: { n: 1 },
    responseContext: { statusCode: 200, executedVersion: '3', functionError: 'Unhandled' },
    responsePayload: { errorType: 'TypeError', errorMessage: 'no' },
  })
})

t.test(
  'a dead letter that can’t be delivered stays in the queue, and the function does not run again',
  async t => {
    let runs = 0
    let reachable = false
    const told: InvocationRecord[] = []
    const { queue, delivery } = startDelivery(t, {
      policy: { ...both, retries: 0 },
      invoke: async () => {
        runs++
        return functionError
      },
      deliver: async (_, record) => {
        if (!reachable) throw new Error('refused')
        told.push(record)
      },
    })
    queue.add()
    const first = await queue.deed('give-back')
    t.match(first, { delayMs: 500, throttles: 1 })
    t.match(delivery.counters, { destinationFailures: 1, deadLettered: 0, dropped: 0 })
    const { verdict, throttles } = first as { verdict: string; throttles: number }
    queue.add({ verdict, throttles, ageMs: 99 * hourMs })
    await queue.until(() => queue.deeds.length === 2)
    t.match(queue.deeds[1], { did: 'give-back', delayMs: 1000, throttles: 2, verdict })
    reachable = true
    queue.add({ verdict, throttles: 2 })
    await queue.deed('acknowledge')
    t.equal(runs, 1)
    t.match(told, [
      {
        timestamp: '2026-11-27T00:00:00.000Z',
        requestContext: { condition: 'RetriesExhausted' },
        requestPayload: { n: 1 },
        responsePayload: { errorType: 'TypeError' },
      },
    ])
    t.match(delivery.counters, { destinationFailures: 2, deadLettered: 1 })
  },
)

t.test('what has succeeded is not told for ever', async t => {
  const { queue, delivery } = startDelivery(t, {
    policy: both,
    deliver: async () => Promise.reject(new Error('refused')),
  })
  queue.add()
  const first = await queue.deed('give-back')
  const { verdict } = first as { verdict: string }
  queue.add({ verdict, ageMs: 12 * hourMs - 1 })
  await queue.until(() => queue.deeds.length === 2)
  t.match(queue.deeds[1], { did: 'give-back' })
  queue.add({ verdict, ageMs: 12 * hourMs })
  await queue.deed('acknowledge')
  t.match(delivery.counters, { delivered: 1, dropped: 1 })
})

t.test('a destination that does not answer is given up in time', async t => {
  mockTime(t)
  let asked: AbortSignal | undefined
  const { queue } = startDelivery(t, {
    policy: both,
    deliver: (_, __, signal) => {
      asked = signal
      return new Promise(() => {})
    },
  })
  queue.add()
  await untilTurn(() => asked !== undefined)
  mock.timers.tick(deliveryLimits.maxDeliveryMs)
  t.match(await queue.deed('give-back'), { verdict: /Success/ })
  t.equal(asked?.aborted, true)
})

t.test('a lease is extended for as long as its event runs', async t => {
  mockTime(t, ['setTimeout', 'setInterval'])
  const run = Promise.withResolvers<Outcome>()
  let running = false
  const { queue } = startDelivery(t, {
    invoke: () => {
      running = true
      return run.promise
    },
  })
  queue.add()
  await untilTurn(() => running)
  mock.timers.tick(15 * 60_000)
  const { extendMs, leaseMs } = deliveryLimits
  t.equal(queue.deeds.length, (15 * 60_000) / extendMs)
  t.match(queue.deeds[0], { did: 'extend', leaseMs })
  t.ok(extendMs * 2 < leaseMs, 'one that is lost on its way costs nothing')
  run.resolve(success)
  await queue.deed('acknowledge')
  await turns()
  const count = queue.deeds.length
  mock.timers.tick(extendMs * 3)
  t.equal(queue.deeds.length, count)
})

t.test('a run that comes to no end is abandoned', async t => {
  mockTime(t)
  let asked: AbortSignal | undefined
  const { queue } = startDelivery(t, {
    invoke: (_, signal) => {
      asked = signal
      return new Promise(() => {})
    },
  })
  queue.add()
  await untilTurn(() => asked !== undefined)
  mock.timers.tick(deliveryLimits.maxInvocationMs)
  t.match(await queue.deed('give-back'), { attempts: 0, throttles: 1 })
  t.equal(asked?.aborted, true)
})

t.test('no more events run at once than allowed', async t => {
  const runs: (() => void)[] = []
  const { queue, delivery } = startDelivery(t, {
    policy: { concurrency: 2 },
    invoke: () => new Promise(resolve => runs.push(() => resolve(success))),
  })
  for (let i = 0; i < 5; i++) queue.add({ id: `${i}` })
  await untilTurn(() => runs.length === 2)
  await turns()
  t.equal(runs.length, 2)
  t.equal(delivery.counters.running, 2)
  t.equal(queue.takes[0]?.max, 2)
  runs[0]?.()
  await untilTurn(() => runs.length === 3)
  delivery.policy = { ...defaultPolicy, concurrency: 4 }
  await untilTurn(() => runs.length === 5)
  for (const finish of runs) finish()
  await queue.until(() => queue.deeds.length === 5)
})

t.test('a function without room is asked less and less often, until it has some', async t => {
  mockTime(t)
  let outcome: Outcome = throttled
  const { queue } = startDelivery(t, { invoke: async () => outcome, random: () => 0.999 })
  queue.add()
  await queue.deed('give-back')
  await untilTurn(() => queue.takes.length === 2)
  queue.add({ id: 'e2' })
  await queue.until(() => queue.deeds.length === 2)
  await turns()
  const asked = queue.takes.length
  mock.timers.tick(90)
  await turns()
  t.equal(queue.takes.length, asked)
  mock.timers.tick(200)
  await untilTurn(() => queue.takes.length === asked + 1)
  outcome = success
  queue.add({ id: 'e3' })
  await queue.deed('acknowledge')
  await turns()
  queue.add({ id: 'e4' })
  await untilTurn(() => (mock.timers.tick(200), queue.deeds.length === 4))
})

t.test('a queue that can’t be read is tried again, after a while', async t => {
  mockTime(t)
  const { queue } = startDelivery(t)
  queue.failures.push(new Error('disk'))
  queue.add()
  await queue.deed('acknowledge')
  await untilTurn(() => queue.failures.length === 0)
  await turns()
  queue.add({ id: 'e2' })
  await turns()
  t.equal(queue.deeds.length, 1)
  mock.timers.tick(1000)
  await queue.until(() => queue.deeds.length === 2)
})

t.test('drain takes nothing more, and waits for what runs', async t => {
  const run = Promise.withResolvers<Outcome>()
  let running = false
  const { queue, delivery } = startDelivery(t, {
    invoke: () => {
      running = true
      return run.promise
    },
  })
  queue.add()
  await untilTurn(() => running)
  let drained = false
  const draining = delivery.drain(60_000).then(() => (drained = true))
  await turns()
  t.equal(drained, false)
  queue.add({ id: 'late' })
  run.resolve(success)
  await draining
  t.strictSame(queue.deeds, [{ id: 'e1', did: 'acknowledge' }])
})

t.test('an event that comes as a drain begins is given back as it was', async t => {
  const { queue, delivery } = startDelivery(t)
  await queue.until(() => queue.takes.length === 1)
  queue.add({ attempts: 1, throttles: 2 })
  await delivery.drain(60_000)
  const untouched = { delayMs: 0, attempts: 1, throttles: 2, verdict: undefined }
  t.strictSame(queue.deeds, [{ id: 'e1', did: 'give-back', ...untouched }])
})

t.test('what runs when a drain is over is abandoned, and neither done nor given back', async t => {
  mockTime(t)
  let asked: AbortSignal | undefined
  const { queue, delivery } = startDelivery(t, {
    invoke: (_, signal) => {
      asked = signal
      return new Promise(() => {})
    },
  })
  queue.add()
  await untilTurn(() => asked !== undefined)
  const draining = delivery.drain(5000)
  await turns()
  mock.timers.tick(5000)
  await draining
  await turns()
  t.equal(asked?.aborted, true)
  t.strictSame(queue.deeds, [])
})

t.test('counts what was put', async t => {
  const { queue, delivery } = startDelivery(t)
  const put = (): Promise<unknown> => delivery.put({} as never)
  await put()
  queue.putResult = { kind: 'duplicate', id: 'x' }
  await put()
  queue.putResult = { kind: 'refused', reason: 'count', detail: '' }
  t.match(await put(), { reason: 'count' })
  t.match(delivery.counters, { enqueued: 1, duplicates: 1, refused: 1 })
})

/** Lets promises settle; bounded, and without a clock. */
async function turns(count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}

async function untilTurn(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !condition(); i++) await turns(1)
  if (!condition()) throw new Error('it did not come to that')
}
