import t from 'tap'
import { nearest } from '../../../../src/model/parsing/nearest.ts'

t.test('a slip of the pen is recognised', async t => {
  const slips = [
    ['prot', 'port'],
    ['por', 'port'],
    ['pport', 'port'],
    ['part', 'port'],
    ['PORT', 'port'],
    ['target_port', 'targetPort'],
    ['protcool', 'protocol'],
  ]
  for (const [slip = '', meant] of slips)
    t.equal(nearest(slip, ['port', 'protocol', 'targetPort', 'name']), meant, slip)
})

t.test('of several the one with the fewest differences is meant', async t => {
  t.equal(nearest('orders-v2', ['orders-w1', 'orders-v1', 'orders-w2x']), 'orders-v1')
  t.equal(nearest('orders-v2', ['orders-v1', 'orders-v2']), 'orders-v2')
})

t.test('more than a third of the letters is no slip', async t => {
  t.equal(nearest('abcdef', ['abcxyf']), 'abcxyf')
  t.equal(nearest('abcdefg', ['abxyzfg']), undefined)
  t.equal(nearest('ab', ['ax']), 'ax')
  t.equal(nearest('ab', ['xy']), undefined)
  t.equal(nearest('port', []), undefined)
})
