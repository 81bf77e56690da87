import t from 'tap'
import {
  isSaid,
  mergedStatus,
  type OwnStatus,
} from '../../../../../src/control/kubernetes/status/status-updates.ts'
import { hasOwnEntry } from '../../../../../src/control/kubernetes/status/parent-statuses.ts'

const orders = { group: '', kind: 'Service', name: 'orders' }
const now = '2026-01-01T00:00:00Z'
const later = '2026-02-02T00:00:00Z'

function own(status: 'True' | 'False' = 'True', ...names: string[]): OwnStatus {
  const verdicts = [{ type: 'Accepted', status, reason: 'Accepted', message: 'holds' }]
  const parents = names.length > 0 ? names : ['orders']
  return { parents: parents.map(name => ({ parentRef: { ...orders, name }, verdicts })) }
}

const others = {
  parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' },
  controllerName: 'example.org/gateway',
  conditions: [{ type: 'Accepted', status: 'True', other: { deep: 1 } }],
}

function condition(status: string, lastTransitionTime: string, observedGeneration = 3) {
  const said = { type: 'Accepted', status, reason: 'Accepted', message: 'holds' }
  return { ...said, observedGeneration, lastTransitionTime }
}

function entry(conditions: object[], name = 'orders') {
  return { parentRef: { ...orders, name }, controllerName: 'weft.dev/controller', conditions }
}

t.test('the entries of other controllers stay as they are, and where they are', async t => {
  const observation = { generation: 3, now }
  t.strictSame(mergedStatus(own(), { parents: [others] }, observation), {
    parents: [others, entry([condition('True', now)])],
  })
  const before = { parents: [entry([condition('True', now)]), others] }
  t.strictSame(mergedStatus(own(), before, observation), before)
  t.ok(isSaid(own(), before, 3))
  t.strictSame(mergedStatus(own(), {}, observation), { parents: [entry([condition('True', now)])] })
})

t.test('the time is that of the last turn of the status, and of nothing else', async t => {
  const before = { parents: [entry([condition('True', now)])] }
  t.strictSame(mergedStatus(own('True'), before, { generation: 4, now: later }), {
    parents: [entry([condition('True', now, 4)])],
  })
  t.strictSame(mergedStatus(own('False'), before, { generation: 4, now: later }), {
    parents: [entry([condition('False', later, 4)])],
  })
  t.notOk(isSaid(own('True'), before, 4))
  t.notOk(isSaid(own('False'), before, 3))
})

t.test('entries for parents that are none any more go, and those of new ones come', async t => {
  const before = { parents: [entry([], 'gone'), others, entry([condition('True', now)])] }
  t.strictSame(mergedStatus(own('True', 'new', 'orders'), before, { generation: 3, now: later }), {
    parents: [others, entry([condition('True', now)]), entry([condition('True', later)], 'new')],
  })
  t.ok(hasOwnEntry(before))
  t.strictSame(mergedStatus({ parents: [] }, before, { generation: 3, now }), { parents: [others] })
  t.notOk(hasOwnEntry({ parents: [others] }))
  t.ok(isSaid({ parents: [] }, { parents: [others] }, 3))
  t.ok(isSaid({ parents: [] }, {}, 3))
})

t.test('the list is never longer than its schema allows', async t => {
  const parents = Array.from({ length: 31 }, () => others)
  const merged = mergedStatus(own('True', 'a', 'b', 'c'), { parents }, { generation: 3, now })
  t.equal((merged.parents as unknown[]).length, 32)
})

t.test('whatever stands in a status is no reason to fail', async t => {
  const said = entry([condition('True', now)])
  const observation = { generation: 3, now }
  for (const parents of [null, 1, 'x', {}, [{ controllerName: 'weft.dev/controller' }]])
    t.strictSame(mergedStatus(own(), { parents }, observation), { parents: [said] })
  const odd = [null, 1, 'x', {}, { controllerName: 1 }]
  t.strictSame(mergedStatus(own(), { parents: odd }, observation), { parents: [...odd, said] })
  const broken = { parents: [{ ...said, conditions: [null, { type: 'Accepted' }] }] }
  t.strictSame(mergedStatus(own(), broken, observation), {
    parents: [{ ...said, conditions: [null, condition('True', now)] }],
  })
})

t.test('conditions of other types stay', async t => {
  const foreign = { type: 'Ready', status: 'True' }
  const verdicts = [
    { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'holds' },
  ] as const
  const before = { conditions: [condition('True', now), foreign] }
  const twice = { conditions: [...before.conditions, condition('False', later)] }
  t.strictSame(mergedStatus({ conditions: verdicts }, twice, { generation: 3, now: later }), {
    conditions: [condition('True', now), foreign],
  })
})

t.test('a message is cut before it grows without end', async t => {
  const message = 'x'.repeat(5000)
  const verdicts = [{ type: 'Accepted', status: 'False', reason: 'Invalid', message }] as const
  const status = mergedStatus({ conditions: verdicts }, {}, { generation: 1, now })
  t.match(status.conditions, [{ message: /^x{999}…$/ }])
  t.ok(isSaid({ conditions: verdicts }, status, 1))
})
