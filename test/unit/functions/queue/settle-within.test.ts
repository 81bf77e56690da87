import t from 'tap'
import { settleWithin } from '../../../../src/functions/queue/settle-within.ts'

t.test('gives what the work comes to', async t => {
  const { signal } = new AbortController()
  t.equal(await settleWithin(Promise.resolve(7), signal), 7)
  await t.rejects(settleWithin(Promise.reject(new Error('no')), signal), { message: 'no' })
})

t.test('does not wait beyond its signal, and hears of no failure then', async t => {
  const abort = new AbortController()
  const work = Promise.withResolvers<number>()
  const settled = settleWithin(work.promise, abort.signal)
  abort.abort()
  t.equal(await settled, undefined)
  t.equal(await settleWithin(Promise.reject(new Error('unheard')), abort.signal), undefined)
  work.reject(new Error('unheard'))
})
