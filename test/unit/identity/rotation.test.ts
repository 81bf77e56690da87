import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { IdentityHolder } from '../../../src/identity/identity-holder.ts'
import type { Identity } from '../../../src/identity/identity.ts'
import { Rotation } from '../../../src/identity/rotation.ts'
import { mockTime } from '../../support/mock-time.ts'

const minuteMs = 60_000
const hourMs = 3_600_000

t.beforeEach(mockTime)

/** Rotation asks an identity for its dates only. */
function identity(notBefore: number, notAfter: number): Identity {
  return { notBefore, notAfter } as Identity
}

interface Setup {
  readonly current: Identity
  readonly renew: (now: number) => Promise<Identity>
  readonly random?: number
}

function startRotation(t: Test, { current, renew, random = 0.5 }: Setup) {
  const holder = new IdentityHolder(current)
  const failures: unknown[] = []
  const clock = { now: 0 }
  let renewals = 0
  const rotation = new Rotation({
    holder,
    renew: () => {
      renewals++
      return renew(clock.now)
    },
    onFailure: error => failures.push(error),
    now: () => clock.now,
    random: () => random,
  })
  t.teardown(() => rotation.close())
  /** Time goes by, and what waits for it gets its turn. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= minuteMs / 2) {
      clock.now += Math.min(left, minuteMs / 2)
      mock.timers.tick(Math.min(left, minuteMs / 2))
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  return { holder, rotation, failures, clock, pass, renewals: () => renewals }
}

for (const [random, minutes] of [
  [0, 45],
  [0.5, 50],
  [1, 55],
] as const)
  t.test(`of 100 minutes, ${minutes} go by until the renewal at chance ${random}`, async t => {
    const next = identity(minutes * minuteMs, hourMs * 24)
    const renew = (): Promise<Identity> => Promise.resolve(next)
    const current = identity(0, 100 * minuteMs)
    const { holder, pass } = startRotation(t, { current, renew, random })
    await pass(minutes * minuteMs - 1000)
    t.equal(holder.current, current)
    await pass(1001)
    t.equal(holder.current, next)
  })

t.test('each identity is renewed in its turn', async t => {
  const renew = (now: number): Promise<Identity> => Promise.resolve(identity(now, now + 2 * hourMs))
  const rotation = startRotation(t, { current: identity(0, 2 * hourMs), renew })
  await rotation.pass(5 * hourMs)
  t.equal(rotation.renewals(), 5)
  t.strictSame(rotation.failures, [])
})

t.test('an identity that is past its half life already is renewed at once', async t => {
  const next = identity(0, 24 * hourMs)
  const renew = (): Promise<Identity> => Promise.resolve(next)
  const { holder, pass } = startRotation(t, { current: identity(-2 * hourMs, hourMs), renew })
  await pass(1)
  t.equal(holder.current, next)
})

t.test('after a sleep of the machine, in which timers stood still, it is renewed soon', async t => {
  const next = identity(20 * hourMs, 44 * hourMs)
  const renew = (): Promise<Identity> => Promise.resolve(next)
  const { holder, clock, pass } = startRotation(t, { current: identity(0, 24 * hourMs), renew })
  await pass(hourMs)
  clock.now += 19 * hourMs
  await pass(minuteMs)
  t.equal(holder.current, next)
})

t.test(
  'identities that come outdated, as the clocks differ, are not asked for in a loop',
  async t => {
    const renew = (): Promise<Identity> => Promise.resolve(identity(-24 * hourMs, 0))
    const { pass, renewals } = startRotation(t, { current: identity(-24 * hourMs, 0), renew })
    await pass(10 * minuteMs)
    t.equal(renewals(), 10)
  },
)

t.test('a renewal that fails is reported and tried again, ever more patiently', async t => {
  const error = new Error('no')
  const renew = (): Promise<Identity> => Promise.reject(error)
  const current = identity(-2 * hourMs, hourMs)
  const rotation = startRotation(t, { current, renew, random: 1 })
  await rotation.pass(1)
  for (const seconds of [1, 2, 4, 8, 16]) {
    const { length } = rotation.failures
    await rotation.pass(seconds * 1000 - 1)
    t.equal(rotation.failures.length, length)
    await rotation.pass(1)
    t.equal(rotation.failures.length, length + 1)
  }
  await rotation.pass(hourMs)
  t.equal(rotation.failures.length, 6 + 60, 'once a minute in the end')
  t.ok(rotation.failures.every(failure => failure === error))
  t.equal(rotation.holder.current, current)
})

t.test('after a failure that passed all is as before', async t => {
  let fails = true
  const renew = (): Promise<Identity> =>
    fails ? Promise.reject(new Error('no')) : Promise.resolve(identity(0, 4 * hourMs))
  const rotation = startRotation(t, { current: identity(-2 * hourMs, hourMs), renew })
  await rotation.pass(1)
  await rotation.pass(750)
  t.equal(rotation.failures.length, 2)
  fails = false
  await rotation.pass(1500)
  t.equal(rotation.renewals(), 3)
  fails = true
  await rotation.pass(2 * hourMs - 2251)
  t.equal(rotation.failures.length, 3, 'at half its life')
  await rotation.pass(750)
  t.equal(rotation.failures.length, 4, 'and soon after')
})

t.test('closed before the half life, it never asks', async t => {
  const renew = (): Promise<Identity> => Promise.reject(new Error('no'))
  const setup = startRotation(t, { current: identity(0, hourMs), renew })
  await setup.pass(minuteMs)
  setup.rotation.close()
  await setup.pass(hourMs)
  t.equal(setup.renewals(), 0)
})

t.test('once closed it asks no more, and takes nothing over', async t => {
  const answer = Promise.withResolvers<Identity>()
  const current = identity(-2 * hourMs, hourMs)
  const { holder, rotation, pass, renewals } = startRotation(t, {
    current,
    renew: () => answer.promise,
  })
  await pass(1)
  rotation.close()
  answer.resolve(identity(0, hourMs))
  await pass(hourMs)
  t.equal(holder.current, current)
  t.equal(renewals(), 1)
})

t.test('closed in a renewal that then fails, it does not try again', async t => {
  const answer = Promise.withResolvers<Identity>()
  const { rotation, pass, renewals, failures } = startRotation(t, {
    current: identity(-2 * hourMs, hourMs),
    renew: () => answer.promise,
  })
  await pass(1)
  rotation.close()
  answer.reject(new Error('no'))
  await pass(hourMs)
  t.equal(renewals(), 1)
  t.strictSame(failures, [])
})
