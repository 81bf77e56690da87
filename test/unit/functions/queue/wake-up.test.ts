import { mock } from 'node:test'
import t from 'tap'
import { WakeUp } from '../../../../src/functions/queue/wake-up.ts'
import { mockTime } from '../../../support/mock-time.ts'

const never = new AbortController().signal

t.test('a call between the question and the wait is not slept through', async t => {
  mockTime(t)
  const wakeUp = new WakeUp()
  const woken = wakeUp.next()
  wakeUp.all()
  await woken.within(1e6, never)
  t.pass()
})

t.test('all who wait are woken by a call, each by its time or its signal', async t => {
  mockTime(t)
  const wakeUp = new WakeUp()
  const abort = new AbortController()
  const order: string[] = []
  const waits = [
    wakeUp
      .next()
      .within(5, never)
      .then(() => order.push('time')),
    wakeUp
      .next()
      .within(1e6, abort.signal)
      .then(() => order.push('signal')),
    wakeUp
      .next()
      .within(1e6, never)
      .then(() => order.push('call')),
    wakeUp
      .next()
      .within(1e6, never)
      .then(() => order.push('call')),
  ]
  mock.timers.tick(5)
  await waits[0]
  abort.abort()
  await waits[1]
  wakeUp.all()
  await Promise.all(waits)
  t.strictSame(order, ['time', 'signal', 'call', 'call'])
  await wakeUp.next().within(1e6, abort.signal)
})
