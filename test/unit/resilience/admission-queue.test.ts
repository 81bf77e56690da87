import t from 'tap'
import { AdmissionQueue } from '../../../src/resilience/admission-queue.ts'

function waiter(since: number) {
  return { since, end: () => {} }
}

t.test('who came first goes first as long as it moves', async t => {
  const queue = new AdmissionQueue(3, 100)
  const [first, second] = [waiter(0), waiter(10)]
  t.ok(queue.add(first))
  t.ok(queue.add(second))
  t.equal(queue.next(50), first)
  t.equal(queue.next(60), second)
  t.equal(queue.next(60), undefined)
})

t.test('once the oldest has waited for half of its time the newest goes first', async t => {
  const queue = new AdmissionQueue(3, 100)
  const [first, second] = [waiter(0), waiter(40)]
  queue.add(first)
  queue.add(second)
  t.equal(queue.next(51), second)
  t.equal(queue.next(52), first)
})

t.test('it is bounded, also when its bound falls', async t => {
  const queue = new AdmissionQueue(2, 100)
  queue.add(waiter(0))
  queue.add(waiter(0))
  t.notOk(queue.add(waiter(0)))
  queue.most = 1
  t.equal(queue.length, 2, 'who is in stays')
  queue.next(0)
  t.notOk(queue.add(waiter(0)))
})

t.test('who goes away leaves', async t => {
  const queue = new AdmissionQueue(2, 100)
  const [first, second] = [waiter(0), waiter(0)]
  queue.add(first)
  queue.add(second)
  queue.remove(first)
  queue.remove(first)
  t.equal(queue.length, 1)
  t.equal(queue.next(0), second)
})
