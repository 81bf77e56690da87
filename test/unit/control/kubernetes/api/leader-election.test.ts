import fc from 'fast-check'
import t, { type Test } from 'tap'
import { holdElections, type Elections, type LeaseFault } from './electing.ts'

/** One leads and another waits. */
async function leaderAndFollower(t: Test) {
  const elections = holdElections(t)
  const one = elections.start('one')
  await elections.pass(100)
  const two = elections.start('two')
  await elections.pass(2500)
  return { ...elections, one, two }
}

t.test('the first creates the lease and leads; the next waits', async t => {
  const { lease, leaders, one, two } = await leaderAndFollower(t)
  t.strictSame(leaders(), ['one'])
  t.strictSame([one.changes, two.changes], [[true], []])
  t.strictSame(lease.requests.slice(0, 2), [
    'GET /apis/coordination.k8s.io/v1/namespaces/weft-system/leases/weft-control',
    'POST /apis/coordination.k8s.io/v1/namespaces/weft-system/leases',
  ])
  t.match(lease.lease, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'weft-control', namespace: 'weft-system' },
    spec: { holderIdentity: 'one', leaseDurationSeconds: 15, leaseTransitions: 1 },
  })
  t.match(lease.spec.renewTime, /^2026-01-01T00:16:4\d\.\d00000Z$/)
  t.match(two.election.status, { isLeader: false, holder: 'one', failures: 0 })
})

t.test('a leader renews, and keeps when it began', async t => {
  const { lease, leaders, pass } = await leaderAndFollower(t)
  const { acquireTime, renewTime } = lease.spec
  await pass(60_000)
  t.strictSame(leaders(), ['one'])
  t.equal(lease.spec.acquireTime, acquireTime)
  t.not(lease.spec.renewTime, renewTime)
  t.equal(lease.spec.leaseTransitions, 1)
})

t.test('who closes gives the lease back, and the other leads with its next attempt', async t => {
  const { lease, leaders, pass, one, two } = await leaderAndFollower(t)
  await one.election.close()
  t.strictSame(one.changes, [true, false])
  t.match(lease.spec, { holderIdentity: '', leaseDurationSeconds: 1 })
  await pass(2500)
  t.strictSame(leaders(), ['two'])
  t.strictSame(two.changes, [true])
  t.equal(lease.spec.leaseTransitions, 2)
  await two.election.close()
})

t.test('who only followed gives nothing back', async t => {
  const { lease, one, two } = await leaderAndFollower(t)
  await two.election.close()
  t.equal(lease.spec.holderIdentity, 'one')
  await one.election.close()
})

t.test('a leader that is cut off steps down in time, and the other leads later', async t => {
  const { lease, leaders, pass, one, two } = await leaderAndFollower(t)
  lease.fault = () => ({ lost: 'request' })
  await pass(8000)
  t.strictSame(leaders(), ['one'], 'for as long as it may')
  await pass(3000)
  t.strictSame(leaders(), [])
  t.strictSame(one.changes, [true, false])
  t.match(one.election.status, { isLeader: false, lastError: 'lost on the way' })
  await one.election.close()
  lease.fault = () => undefined
  await pass(2500)
  t.strictSame(leaders(), [], 'the lease has not run out')
  await pass(7500)
  t.strictSame(leaders(), ['two'])
  await two.election.close()
})

t.test('a request that hangs does not keep a leader from stepping down', async t => {
  const { lease, leaders, pass, one, two } = await leaderAndFollower(t)
  await two.election.close()
  lease.fault = () => ({ requestMs: 60_000 })
  await pass(13_000)
  t.strictSame(leaders(), [])
  t.strictSame(one.changes, [true, false])
  lease.fault = () => undefined
  await pass(60_000)
  t.strictSame(one.changes, [true, false, true])
  await one.election.close()
})

t.test('a renewal counts from when it was sent, however late its answer comes', async t => {
  const { lease, leaders, pass, one, two } = await leaderAndFollower(t)
  await two.election.close()
  lease.fault = method => (method === 'PUT' ? { answerMs: 9000 } : { lost: 'request' })
  await pass(10_500)
  t.strictSame(leaders(), ['one'], 'the answer came')
  lease.fault = () => ({ lost: 'request' })
  await pass(3000)
  t.strictSame(leaders(), [])
  await one.election.close()
})

t.test("others' clocks are not believed", async t => {
  const elections = holdElections(t)
  const { lease, leaders, pass } = elections
  const spec = {
    holderIdentity: 'old',
    leaseDurationSeconds: 15,
    renewTime: '1999-01-01T00:00:00Z',
  }
  lease.write({ metadata: { name: 'weft-control' }, spec })
  const one = elections.start('one')
  await pass(14_000)
  t.strictSame(leaders(), [], 'it was not seen for as long as it is given for')
  await pass(3500)
  t.strictSame(leaders(), ['one'])
  await one.election.close()
})

t.test('a lease that changes is alive, and one of a day is not waited for', async t => {
  const elections = holdElections(t)
  const { lease, leaders, pass } = elections
  const write = (renewTime: string) =>
    lease.write({
      metadata: { name: 'weft-control' },
      spec: { holderIdentity: 'old', leaseDurationSeconds: 86_400, renewTime },
    })
  write('0')
  const one = elections.start('one')
  await pass(290_000)
  write('1')
  await pass(290_000)
  t.strictSame(leaders(), [])
  await pass(15_000)
  t.strictSame(leaders(), ['one'])
  await one.election.close()
})

t.test('a lease that somebody else took is lost at once', async t => {
  const { lease, leaders, pass, one, two } = await leaderAndFollower(t)
  const spec = { holderIdentity: 'three', leaseDurationSeconds: 15 }
  lease.write({ metadata: { name: 'weft-control' }, spec })
  await pass(2500)
  t.strictSame(leaders(), [])
  t.strictSame(one.changes, [true, false])
  t.equal(lease.spec.holderIdentity, 'three')
  await one.election.close()
  await two.election.close()
})

t.test('a label that somebody put on it is no reason to step down', async t => {
  const { lease, pass, one, two } = await leaderAndFollower(t)
  const { lease: held } = lease
  lease.write({ ...held, metadata: { name: 'weft-control', labels: { team: 'mesh' } } })
  await pass(20_000)
  t.strictSame(one.changes, [true])
  t.match(lease.lease?.metadata.labels, { team: 'mesh' })
  t.match(one.election.status, { isLeader: true, failures: 0 })
  await one.election.close()
  await two.election.close()
})

t.test('a lease that was deleted is made anew', async t => {
  const { lease, leaders, pass, one, two } = await leaderAndFollower(t)
  await two.election.close()
  lease.lease = undefined
  await pass(2500)
  t.strictSame(leaders(), ['one'])
  t.equal(lease.spec.holderIdentity, 'one')
  await one.election.close()
})

t.test('who comes back under its name leads at once', async t => {
  const elections = holdElections(t)
  const spec = { holderIdentity: 'one', leaseDurationSeconds: 15, leaseTransitions: 4 }
  elections.lease.write({ metadata: { name: 'weft-control' }, spec })
  const one = elections.start('one')
  await elections.pass(100)
  t.strictSame(elections.leaders(), ['one'])
  t.equal(elections.lease.spec.leaseTransitions, 4)
  await one.election.close()
})

t.test('closing does not wait for a server that does not answer', async t => {
  const { lease, one, two } = await leaderAndFollower(t)
  lease.fault = () => ({ lost: 'request' })
  await one.election.close()
  t.strictSame(one.changes, [true, false])
  await two.election.close()
})

const fault = fc.record<LeaseFault>(
  {
    lost: fc.constantFrom('request', 'answer'),
    requestMs: fc.nat(20_000),
    answerMs: fc.nat(20_000),
  },
  { requiredKeys: [] },
)

async function neverTwo(elections: Elections, faults: readonly (LeaseFault | undefined)[]) {
  const { lease, leaders, pass, start } = elections
  const atMostOne = (): void => {
    if (leaders().length > 1) throw new Error(`two lead: ${leaders().join(' ')}`)
  }
  lease.lease = undefined
  const left = [...faults]
  lease.fault = () => left.shift()
  const candidates = ['one', 'two', 'three'].map((identity, index) =>
    start(`${identity}-${faults.length}`, { random: () => (index + 1) / 4 }),
  )
  await pass(60_000, atMostOne)
  lease.fault = () => undefined
  await pass(80_000, atMostOne)
  const led = leaders()
  for (const { election } of candidates) await election.close()
  return led.length === 1
}

t.test('whatever the network does, never two lead, and one does after it', async t => {
  const elections = holdElections(t)
  const faults = fc.array(fc.option(fault, { nil: undefined, freq: 1 }), {
    minLength: 5,
    maxLength: 60,
  })
  await fc.assert(
    fc.asyncProperty(faults, faults => neverTwo(elections, faults)),
    { numRuns: 25 },
  )
})
