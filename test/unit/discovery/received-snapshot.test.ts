import t from 'tap'
import { diffSnapshots } from '../../../src/discovery/delta.ts'
import type { Push } from '../../../src/discovery/message.ts'
import { receiveSnapshot } from '../../../src/discovery/received-snapshot.ts'
import type { Snapshot } from '../../../src/model/snapshot.ts'
import { snapshotOf } from './snapshots.ts'

const held = snapshotOf({ orders: [1] })
const next = snapshotOf({ orders: [1, 2] })

function whole(snapshot: unknown, version = next.version): Push {
  const content = { kind: 'snapshot', snapshot: snapshot as Snapshot } as const
  return { type: 'push', nonce: 1, version, content }
}

function delta(changes: unknown, base = held.version, version = next.version): Push {
  const content = { kind: 'delta', base, changes: changes as [] } as const
  return { type: 'push', nonce: 1, version, content }
}

t.test('a whole snapshot is taken as it is', async t => {
  t.strictSame(receiveSnapshot(whole(next), undefined), { snapshot: next })
})

t.test('a delta is put onto what is held', async t => {
  const received = receiveSnapshot(delta(diffSnapshots(held, next)), held)
  t.same(received, { snapshot: next })
})

const changes = diffSnapshots(held, next)
const unfit: readonly [what: string, push: Push, held: Snapshot | undefined, path: string][] = [
  ['a delta without anything to put it onto', delta(changes), undefined, 'base'],
  ['a delta onto something else', delta(changes, next.version), held, 'base'],
  ['a delta with another outcome', delta([]), held, 'version'],
  ['a delta of no changes at all', delta([null]), held, 'content'],
  ['a delta of another kind', delta([{ kind: '__proto__', name: 'a', value: 1 }]), held, 'content'],
  ['a snapshot under the version of another', whole(held), held, 'version'],
  ['a snapshot that names another version', whole({ ...next, version: 'x' }), held, 'version'],
  [
    'a snapshot that is not what its version says',
    whole({ ...next, clusters: {} }),
    held,
    'version',
  ],
  ['a snapshot that is none', whole({}), held, 'version'],
]

for (const [what, push, before, path] of unfit)
  t.test(`${what} is a problem`, async t => {
    t.match(receiveSnapshot(push, before), { problem: { path, message: /./ } })
  })
