import t from 'tap'
import { BlockPool } from '../../../src/http/block-pool.ts'

t.test('a block that was given back serves again', async t => {
  const pool = new BlockPool(1024)
  const block = pool.take()
  t.equal(block.length, 1024)
  t.not(pool.take(), block, 'not while somebody has it')
  pool.give(block)
  t.equal(pool.take(), block)
})

t.test('what nobody needed between two sweeps is let go', async t => {
  const pool = new BlockPool(1024)
  const busy = [pool.take(), pool.take(), pool.take()]
  for (const block of busy) pool.give(block)
  pool.sweep()
  t.ok(busy.includes(pool.take()), 'they were needed before the first sweep')
  pool.sweep()
  t.notOk(busy.includes(pool.take()), 'two of them were not since, the third is in use')
})

t.test('a larger block is made for its user alone', async t => {
  const pool = new BlockPool(1024)
  const large = pool.take(1024 + 1)
  t.equal(large.length, 1024 + 1)
  pool.give(large)
  t.equal(pool.take(1024).length, 1024)
  t.not(pool.take(1024 + 1), large)
})

t.test('blocks in steady use are kept', async t => {
  const pool = new BlockPool(1024)
  pool.give(pool.take())
  pool.sweep()
  const block = pool.take()
  for (let second = 0; second < 3; second++) {
    pool.give(block)
    pool.sweep()
    t.equal(pool.take(), block)
  }
})
