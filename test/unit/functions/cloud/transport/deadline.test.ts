import { mock } from 'node:test'
import t from 'tap'
import { Deadline, orAborted } from '../../../../../src/functions/cloud/transport/deadline.ts'
import { mockTime } from '../../../../support/mock-time.ts'

t.test('aborts when its time is over', async t => {
  mockTime(t)
  const deadline = new Deadline(100, new AbortController().signal)
  mock.timers.tick(99)
  t.notOk(deadline.signal.aborted)
  mock.timers.tick(1)
  t.match(deadline.signal.reason, { code: 'timeout' })
})

t.test('aborts with its parent, also with one that has aborted before', async t => {
  const parent = new AbortController()
  const before = new Deadline(1000, parent.signal)
  parent.abort()
  const after = new Deadline(1000, parent.signal)
  for (const { signal } of [before, after]) t.match(signal.reason, { code: 'aborted' })
})

t.test('once ended it never aborts', async t => {
  mockTime(t)
  const parent = new AbortController()
  const deadline = new Deadline(100, parent.signal)
  deadline.end()
  parent.abort()
  mock.timers.tick(1000)
  t.notOk(deadline.signal.aborted)
})

t.test('one without an end waits, and one that has passed does not', async t => {
  mockTime(t)
  const endless = new Deadline(Number.POSITIVE_INFINITY, new AbortController().signal)
  const passed = new Deadline(-5, new AbortController().signal)
  mock.timers.tick(1)
  t.notOk(endless.signal.aborted)
  t.ok(passed.signal.aborted)
})

t.test('what comes after an abort is handed to whoever cleans up', async t => {
  const controller = new AbortController()
  let give: (value: string) => void = () => {}
  const late: string[] = []
  const promise = new Promise<string>(resolve => (give = resolve))
  const waiting = orAborted(promise, controller.signal, value => late.push(value))
  controller.abort(new Error('over'))
  await t.rejects(waiting, { message: 'over' })
  give('value')
  await promise
  t.same(late, ['value'])
})
