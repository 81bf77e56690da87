import { mock } from 'node:test'
import t from 'tap'
import { askQueue } from '../../../../src/functions/triggers/trigger.ts'
import { mockTime } from '../../../support/mock-time.ts'

const never = async (): Promise<never> => new Promise(() => {})

t.test('an answer is an answer, and an error its own', async t => {
  const { signal } = new AbortController()
  t.equal(await askQueue(async () => 1, signal), 1)
  await t.rejects(
    askQueue(async () => Promise.reject(new Error('full')), signal),
    /full/,
  )
})

t.test('no answer is an error after 10 s', async t => {
  mockTime(t)
  const asked = askQueue(never, new AbortController().signal)
  mock.timers.tick(10_000)
  await t.rejects(asked, /not answered within 10000 ms/)
})

t.test('whoever gives up gives the reason to both sides', async t => {
  const end = new AbortController()
  let inner: AbortSignal | undefined
  const asked = askQueue(async signal => {
    inner = signal
    return never()
  }, end.signal)
  end.abort(new Error('over'))
  await t.rejects(asked, /over/)
  t.ok(inner?.aborted)
  await t.rejects(askQueue(never, end.signal), /over/)
})
