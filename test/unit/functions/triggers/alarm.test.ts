import { mock } from 'node:test'
import t from 'tap'
import { Alarm } from '../../../../src/functions/triggers/alarm.ts'
import { mockTime } from '../../../support/mock-time.ts'

t.test('a wait ends by itself', async t => {
  mockTime(t)
  const wait = new Alarm().wait(100)
  mock.timers.tick(100)
  t.equal(await wait, false)
})

t.test('a wait ends when somebody wakes the sleeper, or did so before', async t => {
  mockTime(t)
  const alarm = new Alarm()
  const wait = alarm.wait(100)
  alarm.wake()
  t.equal(await wait, true)
  alarm.wake()
  t.equal(await alarm.wait(100), true)
  const other = alarm.wait(100)
  mock.timers.tick(100)
  t.equal(await other, false)
})

t.test('closed, it ends every wait', async t => {
  mockTime(t)
  const alarm = new Alarm()
  const wait = alarm.wait(100)
  alarm.close()
  t.equal(await wait, false)
  t.equal(await alarm.wait(100), false)
})
