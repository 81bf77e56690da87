import t from 'tap'
import { Refreshing } from '../../../../src/control/docker/refreshing.ts'

function setUp() {
  const asked: PromiseWithResolvers<number>[] = []
  const refreshing = new Refreshing(() => {
    const answer = Promise.withResolvers<number>()
    asked.push(answer)
    return answer.promise
  })
  const answer = (index: number) => asked[index]?.resolve(index)
  return { refreshing, asked, answer }
}

t.test(
  'whoever asks while an answer is under way gets the next, and all of them the same',
  async t => {
    const { refreshing, asked, answer } = setUp()
    const first = refreshing.get()
    const later = [refreshing.get(), refreshing.get(), refreshing.get()]
    t.equal(asked.length, 1)
    answer(0)
    t.equal(await first, 0)
    while (asked.length < 2) await new Promise(resolve => setImmediate(resolve))
    answer(1)
    t.strictSame(await Promise.all(later), [1, 1, 1])
    t.equal(asked.length, 2)
  },
)

t.test('a failure is told to who asked for it, and the next try is a new one', async t => {
  const { refreshing, asked, answer } = setUp()
  const first = refreshing.get()
  const next = refreshing.get()
  asked[0]?.reject(new Error('no engine'))
  await t.rejects(first, /no engine/)
  while (asked.length < 2) await new Promise(resolve => setImmediate(resolve))
  answer(1)
  t.equal(await next, 1)
})

t.test('closed, what is under way is given up', async t => {
  const { promise, resolve } = Promise.withResolvers<AbortSignal>()
  const refreshing = new Refreshing(async signal => resolve(signal))
  void refreshing.get()
  refreshing.close()
  t.equal((await promise).aborted, true)
})
