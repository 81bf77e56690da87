import fc from 'fast-check'
import t from 'tap'
import { blocks } from '../../../../src/http/block-pool.ts'
import { BodyQueue } from '../../../../src/http/http2/body-queue.ts'

t.test('bytes come out as they went in, whatever the sizes', async t => {
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 10_000 }) }),
    fc.record({ push: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ take: fc.integer({ min: 1, max: 6000 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const queue = new BodyQueue()
      const into: Buffer[] = []
      const out: Buffer[] = []
      let serial = 0
      for (const one of steps) {
        if ('take' in one) {
          const taken = queue.take(one.take)
          if (taken.length > one.take) return false
          out.push(Buffer.from(taken))
          continue
        }
        const chunk = Buffer.alloc(one.push, serial++)
        into.push(Buffer.from(chunk))
        queue.push(chunk)
      }
      const left = queue.bytes
      while (queue.bytes > 0) out.push(Buffer.from(queue.take(5000)))
      const whole = Buffer.concat(into)
      return left <= whole.length && Buffer.concat(out).equals(whole)
    }),
    { numRuns: 500 },
  )
  t.pass()
})

t.test('tiny chunks are gathered', async t => {
  const queue = new BodyQueue()
  for (let i = 0; i < 4096; i++) queue.push(Buffer.from([i]))
  t.equal(queue.take(100_000).length, 4096)
  t.equal(queue.bytes, 0)
})

t.test('a chunk is safe from its owner once it waits', async t => {
  const queue = new BodyQueue()
  const chunk = Buffer.from('abc')
  queue.push(chunk)
  chunk.fill(0)
  t.equal(queue.take(10).toString(), 'abc')
})

t.test('what is discarded takes no more memory', async t => {
  const queue = new BodyQueue()
  const block = blocks.take()
  blocks.give(block)
  queue.push(Buffer.alloc(60_000))
  t.not(blocks.take(), block, 'its bytes wait in it')
  queue.discard()
  t.equal(blocks.take(), block)
  t.equal(queue.bytes, 0)
})
