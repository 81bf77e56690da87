import { nextTick } from 'node:process'
import t from 'tap'
import { cork, uncork, waitForUncork, type Corked } from '../../../src/http/cork.ts'

function countingOne(): Corked & { readonly count: number } {
  let count = 0
  return {
    get count() {
      return count
    },
    uncork: () => void count++,
  }
}

t.test('while a read is worked off nothing leaves, then all does', async t => {
  const [one, other] = [countingOne(), countingOne()]
  cork()
  waitForUncork(one)
  cork()
  waitForUncork(other)
  uncork()
  t.equal(one.count + other.count, 0, 'the outer one is still under way')
  uncork()
  t.strictSame([one.count, other.count], [1, 1])
  cork()
  uncork()
  t.strictSame([one.count, other.count], [1, 1], 'each once')
})

t.test('outside of a read, bytes leave when the callback is over', async t => {
  const one = countingOne()
  waitForUncork(one)
  t.equal(one.count, 0)
  await new Promise<void>(resolve => nextTick(resolve))
  t.equal(one.count, 1)
})

t.test('what leaves may make more wait', async t => {
  const one = countingOne()
  cork()
  waitForUncork({ uncork: () => waitForUncork(one) })
  uncork()
  await new Promise<void>(resolve => nextTick(resolve))
  t.equal(one.count, 1)
})
