import t from 'tap'
import { TokenUses } from '../../../../../src/control/kubernetes/identity/token-uses.ts'

t.test('a token that was used is taken for all keys but the one', async t => {
  const uses = new TokenUses(10, () => 0)
  t.notOk(uses.isTaken('h.p.s', 'one'))
  t.ok(uses.note('h.p.s', 'one', 1000))
  t.notOk(uses.isTaken('h.p.s', 'one'))
  t.ok(uses.isTaken('h.p.s', 'two'))
  t.notOk(uses.isTaken('h.q.s', 'two'))
})

t.test('the same token with its signature in other words is the same', async t => {
  const uses = new TokenUses(10, () => 0)
  uses.note('h.p.c2lnbmF0dXJlMA', 'one', 1000)
  t.ok(uses.isTaken('h.p.c2lnbmF0dXJlMB', 'two'))
})

t.test('a use is remembered beyond the end of its token, and then forgotten', async t => {
  let now = 0
  const uses = new TokenUses(1, () => now)
  uses.note('h.p.s', 'one', 1000)
  now = 300_999
  t.ok(uses.isTaken('h.p.s', 'two'))
  t.notOk(uses.note('h.q.s', 'two', now + 1000), 'there is no room yet')
  now = 301_000
  t.notOk(uses.isTaken('h.p.s', 'two'))
  t.ok(uses.note('h.q.s', 'two', now + 1000))
})

t.test('no use is forgotten for want of room, and who is in the table stays welcome', async t => {
  const uses = new TokenUses(2, () => 0)
  t.ok(uses.note('h.1.s', 'one', 1000))
  t.ok(uses.note('h.2.s', 'two', 1000))
  t.notOk(uses.note('h.3.s', 'three', 1000))
  t.ok(uses.note('h.1.s', 'one', 1000))
  t.ok(uses.isTaken('h.1.s', 'three'))
})
