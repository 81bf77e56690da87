import t from 'tap'
import { applyChanges, changesBetween, diffSnapshots } from '../../../src/discovery/delta.ts'
import type { Change } from '../../../src/discovery/message.ts'
import { snapshotOf } from './snapshots.ts'

const before = snapshotOf({ orders: [1], users: [2] })
const after = snapshotOf({ orders: [1, 3], payments: [4] })

t.test('only what differs is in the delta', async t => {
  t.strictSame(
    diffSnapshots(before, after).map(({ kind, name, value }) => [kind, name, value !== undefined]),
    [
      ['services', 'payments.default:80', true],
      ['services', 'users.default:80', false],
      ['clusters', 'payments.default:80', true],
      ['clusters', 'users.default:80', false],
      ['endpoints', 'orders.default:80', true],
      ['endpoints', 'payments.default:80', true],
      ['endpoints', 'users.default:80', false],
    ],
  )
})

t.test('a fleet that goes from one snapshot to the next together shares the delta', async t => {
  const first = changesBetween(before, after)
  t.strictSame(first, diffSnapshots(before, after))
  t.equal(changesBetween(before, after), first)
  const empty = snapshotOf({})
  t.strictSame(changesBetween(empty, after), diffSnapshots(empty, after))
  t.strictSame(changesBetween(before, after), first)
})

t.test('changes that are none are refused, and reach no prototype', async t => {
  const hostile = [
    [{ kind: '__proto__', name: 'polluted', value: true }],
    [{ kind: 'constructor', name: 'polluted', value: true }],
    [{ kind: 'version', name: 'a', value: '1' }],
    [null],
  ] as unknown as Change[][]
  for (const changes of hostile) t.throws(() => applyChanges(before, changes, '1'))
  t.notOk('polluted' in {})
  t.notOk('polluted' in Object)
})
