import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SnapshotFile } from '../../../src/discovery/snapshot-file.ts'
import { snapshotOf } from './snapshots.ts'

t.test('a snapshot is read as it was written; before there is none', async t => {
  const path = join(t.testdir(), 'snapshot.json')
  t.equal(await new SnapshotFile(path).read(), undefined)
  const snapshot = snapshotOf({ orders: [1, 2] })
  await new SnapshotFile(path).write(snapshot)
  t.strictSame(await new SnapshotFile(path).read(), snapshot)
})

t.test('a damaged file is as none', async t => {
  const path = join(t.testdir(), 'snapshot.json')
  writeFileSync(path, JSON.stringify(snapshotOf({ orders: [1] })).slice(0, -20))
  t.equal(await new SnapshotFile(path).read(), undefined)
})
