import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { Fleet } from '../../../../src/control/sidecars/fleet.ts'
import { mockTime } from '../../../support/mock-time.ts'
import { snapshotOf } from '../../discovery/snapshots.ts'
import { subscriberOf, type TestSubscriber } from './subscribers.ts'

const [one, two] = [snapshotOf({ orders: [1] }), snapshotOf({ orders: [2] })]

function fleetOf(t: Test, ...names: string[]) {
  mockTime(t)
  const fleet = new Fleet()
  const join = (name: string): TestSubscriber => {
    const subscriber = subscriberOf(name, { onAcked: () => fleet.progressed() })
    fleet.join(subscriber)
    return subscriber
  }
  return { fleet, join, subscribers: names.map(join) as [TestSubscriber, TestSubscriber] }
}

/** A leaver that waits for `a`, which has been offered `one`. */
function leaving(t: Test) {
  const { fleet, join, subscribers } = fleetOf(t, 'leaver', 'a')
  const [leaver, a] = subscribers
  a.subscription.offer(one)
  return { fleet, join, leaver, a, settled: fleet.settled(leaver, 1000) }
}

/** The outcome, if it stands already. */
async function outcomeOf(settled: Promise<boolean>): Promise<boolean | 'open'> {
  const open = new Promise<'open'>(resolve => setImmediate(() => resolve('open')))
  return Promise.race([settled, open])
}

t.test('one sidecar of a workload counts: the one that came last', async t => {
  const { fleet, join, subscribers } = fleetOf(t, 'web', 'orders')
  const [web, orders] = subscribers
  const again = join('web')
  t.strictSame([web.isReplaced(), orders.isReplaced(), again.isReplaced()], [true, false, false])
  t.strictSame(new Set(fleet.subscribers), new Set([orders, again]))
  t.equal(fleet.part(web), false, 'the end of the old one changes nothing')
  t.equal(fleet.part(again), true)
  t.strictSame(fleet.subscribers, [orders])
})

t.test('a workload that is gone has no stream any more, and others keep theirs', async t => {
  const { fleet, subscribers } = fleetOf(t, 'web', 'orders')
  const [web, orders] = subscribers
  fleet.end(web.workload)
  fleet.end({ namespace: 'default', name: 'unknown' })
  t.strictSame([web.isReplaced(), orders.isReplaced()], [true, false])
})

t.test('it is settled when all others have acked what they were offered', async t => {
  const { fleet, join, subscribers } = fleetOf(t, 'leaver', 'a')
  const [leaver, a] = subscribers
  const b = join('b')
  for (const subscriber of [leaver, a, b]) subscriber.subscription.offer(one)
  const settled = fleet.settled(leaver, 1000)
  a.ack()
  t.equal(await outcomeOf(settled), 'open')
  b.ack()
  t.equal(await settled, true)
})

t.test('alone, or with all up to date, it is settled at once', async t => {
  const { fleet, subscribers } = fleetOf(t, 'leaver', 'a')
  const [leaver, a] = subscribers
  a.subscription.offer(one)
  a.ack()
  t.equal(await fleet.settled(leaver, 1000), true)
  fleet.part(a)
  t.equal(await fleet.settled(leaver, 1000), true)
})

t.test('an ack of something older does not settle it, one of something newer does', async t => {
  const { fleet, subscribers } = fleetOf(t, 'leaver', 'a')
  const [leaver, a] = subscribers
  a.subscription.offer(one)
  a.subscription.offer(two)
  const settled = fleet.settled(leaver, 1000)
  a.subscription.offer(one)
  a.ack()
  t.equal(await outcomeOf(settled), true, 'in flight was what is the newest again')

  a.subscription.offer(two)
  a.subscription.offer(snapshotOf({}))
  const next = fleet.settled(leaver, 1000)
  a.ack()
  t.equal(await outcomeOf(next), 'open')
  a.ack()
  t.equal(await next, true)
})

t.test('when the time is up it is not settled', async t => {
  const { settled } = leaving(t)
  mock.timers.tick(999)
  t.equal(await outcomeOf(settled), 'open')
  mock.timers.tick(1)
  t.equal(await settled, false)
})

t.test('one that disconnects is not waited for', async t => {
  const { fleet, a, settled } = leaving(t)
  fleet.part(a)
  t.equal(await settled, true)
})

t.test('one that connects meanwhile, or comes back, is waited for', async t => {
  const { join, settled } = leaving(t)
  const again = join('a')
  t.equal(await outcomeOf(settled), 'open')
  again.subscription.offer(one)
  t.equal(await outcomeOf(settled), 'open')
  again.ack()
  t.equal(await settled, true)
})

t.test('when the one who waits has gone, nothing is settled', async t => {
  const { fleet, join, leaver, settled } = leaving(t)
  fleet.part(leaver)
  t.equal(await settled, false)
  const back = join('leaver')
  const replaced = fleet.settled(back, 1000)
  join('leaver')
  t.equal(await replaced, false)
})
