import t from 'tap'
import { backoff } from '../../../src/base/backoff.ts'

const options = { baseMs: 100, maxMs: 5000 }

t.test('each failure doubles the wait, up to the limit', async t => {
  const longest = (failures: number): number => backoff(failures, options, () => 1)
  t.strictSame([1, 2, 3, 6, 7, 8, 2000].map(longest), [100, 200, 400, 3200, 5000, 5000, 5000])
})

t.test('a wait falls into the upper half, where chance puts it', async t => {
  t.strictSame(
    [0, 0.5, 1].map(random => backoff(3, options, () => random)),
    [200, 300, 400],
  )
})
