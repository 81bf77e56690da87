import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { diffSnapshots } from '../../../src/discovery/delta.ts'
import type { Push } from '../../../src/discovery/message.ts'
import { Subscription } from '../../../src/discovery/subscription.ts'
import type { Snapshot } from '../../../src/model/snapshot.ts'
import { mockTime } from '../../support/mock-time.ts'
import { snapshotOf } from './snapshots.ts'

const [one, two, three, four] = [1, 2, 3, 4].map(port => snapshotOf({ orders: [port] })) as [
  Snapshot,
  Snapshot,
  Snapshot,
  Snapshot,
]
const problems = [{ path: 'clusters', message: 'no' }]

t.beforeEach(mockTime)

/** A subscription, and the sidecar's part in the hand of the test. */
function subscribe(t: Test, version?: string) {
  const pushes: Push[] = []
  let stalled = 0
  let acked = 0
  const subscription = new Subscription({
    version,
    answerTimeoutMs: 1000,
    send: push => pushes.push(push),
    onStalled: () => stalled++,
    onAcked: () => acked++,
  })
  t.teardown(() => subscription.close())
  const last = (): Push => {
    const push = pushes.at(-1)
    if (push === undefined) throw new Error('nothing was pushed')
    return push
  }
  return {
    subscription,
    pushes,
    versions: () => pushes.map(push => push.version),
    kinds: () => pushes.map(({ content }) => content.kind),
    stalled: () => stalled,
    acked: () => acked,
    ack: (push = last()) => subscription.acked({ ...push, type: 'ack' }),
    nack: (push = last()) => subscription.nacked({ ...push, type: 'nack', problems }),
    misunderstand: (push = last()) =>
      subscription.nacked({ ...push, type: 'nack', problems, wants: 'snapshot' }),
  }
}

/** A sidecar that has `one`; `two` is in flight. */
function updating(t: Test) {
  const sidecar = subscribe(t)
  sidecar.subscription.offer(one)
  sidecar.ack()
  sidecar.subscription.offer(two)
  return sidecar
}

t.test('the first push is whole, the next ones are deltas to what was acked', async t => {
  const sidecar = subscribe(t)
  sidecar.subscription.offer(one)
  t.match(sidecar.pushes, [{ version: one.version, content: { kind: 'snapshot', snapshot: one } }])
  sidecar.ack()
  sidecar.subscription.offer(two)
  t.strictSame(sidecar.pushes[1]?.content, {
    kind: 'delta',
    base: one.version,
    changes: diffSnapshots(one, two),
  })
})

t.test('one push is in flight, and behind it waits only the newest', async t => {
  const sidecar = subscribe(t)
  const { subscription } = sidecar
  subscription.offer(one)
  subscription.offer(two)
  subscription.offer(three)
  subscription.offer(four)
  t.strictSame(sidecar.versions(), [one.version])
  sidecar.ack()
  t.strictSame(sidecar.versions(), [one.version, four.version])
  sidecar.ack()
  t.equal(sidecar.pushes.length, 2)
  t.equal(subscription.ackedVersion, four.version)
})

t.test('what is in flight or acked already is not pushed again', async t => {
  const sidecar = subscribe(t)
  const { subscription } = sidecar
  subscription.offer(one)
  subscription.offer(two)
  subscription.offer(one)
  sidecar.ack()
  subscription.offer(one)
  t.strictSame(sidecar.versions(), [one.version])
  t.equal(subscription.ackedOffer, 4)
})

t.test('a sidecar that comes with the newest version is sent nothing, then a delta', async t => {
  const sidecar = subscribe(t, one.version)
  const { subscription } = sidecar
  t.equal(subscription.ackedVersion, one.version)
  t.equal(subscription.ackedOffer, 0)
  subscription.offer(one)
  t.strictSame(sidecar.pushes, [])
  t.equal(subscription.ackedOffer, 1)
  t.equal(sidecar.acked(), 1)
  subscription.offer(two)
  t.strictSame(sidecar.kinds(), ['delta'])
})

t.test('a sidecar that comes with another version is sent the whole', async t => {
  const sidecar = subscribe(t, 'older')
  sidecar.subscription.offer(one)
  t.strictSame(sidecar.kinds(), ['snapshot'])
})

t.test('offers are counted, and counted as acked with what holds them', async t => {
  const sidecar = subscribe(t)
  const { subscription } = sidecar
  const counts = (): number[] => [subscription.newestOffer, subscription.ackedOffer]
  subscription.offer(one)
  subscription.offer(two)
  t.strictSame(counts(), [2, 0])
  sidecar.ack()
  t.strictSame(counts(), [2, 1])
  sidecar.ack()
  t.strictSame(counts(), [2, 2])
  t.equal(sidecar.acked(), 2)
})

t.test('only the answer to the push in flight counts, once', async t => {
  const sidecar = subscribe(t)
  const { subscription } = sidecar
  t.equal(subscription.acked({ type: 'ack', nonce: 0, version: '' }), false)
  subscription.offer(one)
  const [first] = sidecar.pushes
  t.equal(subscription.acked({ type: 'ack', nonce: 99, version: one.version }), false)
  t.equal(sidecar.ack(), true)
  t.equal(sidecar.ack(), false)
  subscription.offer(two)
  t.equal(sidecar.ack(first), false)
  t.equal(sidecar.nack(first), false)
  t.equal(subscription.sentVersion, two.version)
  t.equal(subscription.ackedVersion, one.version)
  t.equal(sidecar.nack(), true)
  t.equal(sidecar.acked(), 1)
})

t.test('a refused snapshot is shown, and not pushed again as it is', async t => {
  const sidecar = updating(t)
  const { subscription } = sidecar
  sidecar.nack()
  t.strictSame(subscription.rejection, { version: two.version, problems })
  t.equal(subscription.ackedVersion, one.version)
  t.equal(subscription.ackedOffer, 1)
  subscription.offer(two)
  t.equal(sidecar.pushes.length, 2)
  subscription.offer(three)
  t.match(sidecar.pushes[2], { version: three.version, content: { base: one.version } })
  t.ok(subscription.rejection, 'until a later one is acked')
  sidecar.ack()
  t.equal(subscription.rejection, undefined)
})

t.test('a refusal is over when the configuration goes back to what the sidecar has', async t => {
  const sidecar = updating(t)
  const { subscription } = sidecar
  sidecar.nack()
  subscription.offer(one)
  t.equal(subscription.rejection, undefined)
  t.equal(subscription.ackedOffer, 3)
  t.equal(sidecar.pushes.length, 2)
})

t.test('behind a refused snapshot the newest one is pushed', async t => {
  const sidecar = subscribe(t)
  sidecar.subscription.offer(one)
  sidecar.subscription.offer(two)
  sidecar.nack()
  t.strictSame(sidecar.versions(), [one.version, two.version])
})

t.test('a delta that is not understood is followed by the whole', async t => {
  const sidecar = updating(t)
  const { subscription } = sidecar
  sidecar.misunderstand()
  t.strictSame(sidecar.kinds(), ['snapshot', 'delta', 'snapshot'])
  t.equal(sidecar.pushes[2]?.version, two.version)
  t.equal(subscription.rejection, undefined)
  sidecar.ack()
  t.equal(subscription.ackedVersion, two.version)
})

t.test(
  'in place of a delta that is not understood the newest is sent, if there is one',
  async t => {
    const sidecar = updating(t)
    sidecar.subscription.offer(three)
    sidecar.misunderstand()
    t.match(sidecar.pushes[2], { version: three.version, content: { kind: 'snapshot' } })
  },
)

t.test('a whole snapshot that is not understood is refused, and not sent in a loop', async t => {
  const sidecar = subscribe(t)
  const { subscription } = sidecar
  subscription.offer(one)
  sidecar.misunderstand()
  t.equal(sidecar.pushes.length, 1)
  t.strictSame(subscription.rejection, { version: one.version, problems })
})

t.test('a sidecar that does not answer in time is stalled, once', async t => {
  const sidecar = subscribe(t)
  sidecar.subscription.offer(one)
  mock.timers.tick(999)
  t.equal(sidecar.stalled(), 0)
  mock.timers.tick(1)
  t.equal(sidecar.stalled(), 1)
  mock.timers.tick(10_000)
  t.equal(sidecar.stalled(), 1)
})

t.test('each push has its own time to be answered, and no time runs without one', async t => {
  const sidecar = subscribe(t)
  const { subscription } = sidecar
  subscription.offer(one)
  mock.timers.tick(900)
  subscription.offer(two)
  sidecar.ack()
  mock.timers.tick(900)
  sidecar.nack()
  mock.timers.tick(10_000)
  t.equal(sidecar.stalled(), 0)
  subscription.offer(three)
  subscription.close()
  mock.timers.tick(10_000)
  t.equal(sidecar.stalled(), 0)
})

t.test('after its end an answer has no effect', async t => {
  const sidecar = subscribe(t)
  sidecar.subscription.offer(one)
  sidecar.subscription.offer(two)
  sidecar.subscription.close()
  t.equal(sidecar.ack(), false)
  t.equal(sidecar.pushes.length, 1)
})
