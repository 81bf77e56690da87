import t from 'tap'
import type { Invocation } from '../../../src/functions/invocation.ts'
import { PendingQueue } from '../../../src/functions/pending-queue.ts'

function entry(id: string, { bytes = 1, expiresAt = Number.POSITIVE_INFINITY } = {}) {
  const invocation = { id, payload: Buffer.alloc(bytes) } as Invocation
  return { invocation, since: 0, expiresAt }
}

t.test('what came first leaves first', async t => {
  const queue = new PendingQueue({ maxCount: 10, maxBytes: 100 })
  for (const id of ['a', 'b', 'c']) queue.push(entry(id))
  t.equal(queue.remove('b'), true)
  t.equal(queue.remove('b'), false)
  t.equal(queue.shift()?.invocation.id, 'a')
  t.equal(queue.shift()?.invocation.id, 'c')
  t.equal(queue.shift(), undefined)
  t.equal(queue.bytes, 0)
})

t.test('it holds so many entries and so many bytes', async t => {
  const queue = new PendingQueue({ maxCount: 2, maxBytes: 100 })
  t.equal(queue.push(entry('a', { bytes: 60 })), true)
  t.equal(queue.push(entry('b', { bytes: 41 })), false)
  t.equal(queue.push(entry('c', { bytes: 40 })), true)
  t.equal(queue.push(entry('d', { bytes: 0 })), false)
  t.equal(queue.length, 2)
})

t.test('what nobody waits for any more is taken out', async t => {
  const queue = new PendingQueue({ maxCount: 9, maxBytes: 100 })
  queue.push(entry('a', { expiresAt: 50 }))
  queue.push(entry('b'))
  t.same(queue.removeExpired(49), [])
  t.same(
    queue.removeExpired(50).map(({ invocation }) => invocation.id),
    ['a'],
  )
  t.equal(queue.removeAll().length, 1)
  t.equal(queue.bytes, 0)
})
