import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { OciCgroup } from '../../../../../src/functions/runtime/oci/oci-cgroup.ts'

const version2 = {
  weft: { 'weft-1': { 'cgroup.freeze': '0', 'memory.events': 'low 0\noom 3\noom_kill 0\n' } },
}
const version1 = {
  freezer: { weft: { 'weft-1': { 'freezer.state': 'THAWED' } } },
  memory: { weft: { 'weft-1': { 'memory.oom_control': 'under_oom 0\noom_kill 2\n' } } },
}

t.test('version 2 has one hierarchy', async t => {
  const root = t.testdir(version2)
  const file = join(root, 'weft/weft-1/cgroup.freeze')
  const group = new OciCgroup('weft-1', root)
  t.ok(group.freeze())
  t.equal(readFileSync(file, 'utf8'), '1')
  group.thaw()
  t.equal(readFileSync(file, 'utf8'), '0')
  t.notOk(group.ranOutOfMemory, 'a limit that was felt has killed nobody')
})

t.test('version 1 has one for each controller', async t => {
  const root = t.testdir(version1)
  const file = join(root, 'freezer/weft/weft-1/freezer.state')
  const group = new OciCgroup('weft-1', root)
  t.ok(group.freeze())
  t.equal(readFileSync(file, 'utf8'), 'FROZEN')
  group.thaw()
  t.equal(readFileSync(file, 'utf8'), 'THAWED')
  t.ok(group.ranOutOfMemory)
})

t.test('where there is none, nothing is frozen and nothing made', async t => {
  for (const root of [t.testdir({}), t.testdir({ weft: { 'weft-1': {} } })]) {
    const group = new OciCgroup('weft-1', root)
    t.notOk(group.freeze())
    group.thaw()
    t.notOk(group.ranOutOfMemory)
  }
})
