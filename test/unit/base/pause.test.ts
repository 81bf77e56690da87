import { mock } from 'node:test'
import { getEventListeners } from 'node:events'
import t from 'tap'
import { pause } from '../../../src/base/pause.ts'
import { mockTime } from '../../support/mock-time.ts'

t.test('a pause lasts as long as it is to, and leaves nothing behind', async t => {
  mockTime(t)
  const { signal } = new AbortController()
  let over = false
  const paused = pause(100, signal).then(() => (over = true))
  mock.timers.tick(99)
  await Promise.resolve()
  t.notOk(over)
  mock.timers.tick(1)
  await paused
  t.strictSame(getEventListeners(signal, 'abort'), [])
})

t.test('a signal ends it, before and while it lasts', async t => {
  mockTime(t)
  const closing = new AbortController()
  const paused = pause(100, closing.signal)
  closing.abort()
  await paused
  await pause(100, closing.signal)
  t.strictSame(getEventListeners(closing.signal, 'abort'), [])
})
