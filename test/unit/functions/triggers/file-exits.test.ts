import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { finishFile, refuseFile } from '../../../../src/functions/triggers/file-exits.ts'

function folderWith(t: Test, ...names: string[]): string {
  const path = mkdtempSync(join(tmpdir(), 'weft-file-exits-'))
  for (const name of names) writeFileSync(join(path, name), name)
  t.teardown(() => rmSync(path, { recursive: true }))
  return path
}

t.test('a finished file is removed, or kept in .done', async t => {
  const path = folderWith(t, 'a', 'b')
  await finishFile(path, 'a', 'remove', '1')
  await finishFile(path, 'b', 'keep', '2')
  t.same(readdirSync(path), ['.done'])
  t.same(readdirSync(join(path, '.done')), ['b'])
})

t.test('what was kept is not overwritten by a file of the same name', async t => {
  const path = folderWith(t, 'b')
  await finishFile(path, 'b', 'keep', '1')
  writeFileSync(join(path, 'b'), 'other')
  await finishFile(path, 'b', 'keep', '2')
  t.equal(readFileSync(join(path, '.done', 'b'), 'utf8'), 'b')
  t.equal(readFileSync(join(path, '.done', '2-b'), 'utf8'), 'other')
})

t.test('a name of any length has room for that', async t => {
  const name = 'n'.repeat(255)
  const path = folderWith(t, name)
  await finishFile(path, name, 'keep', '1')
  writeFileSync(join(path, name), 'other')
  await finishFile(path, name, 'keep', '2')
  t.same(readdirSync(join(path, '.done')).toSorted(), ['2', name])
})

t.test('a file that has gone is finished', async t => {
  const path = folderWith(t)
  await finishFile(path, 'a', 'remove', '1')
  await finishFile(path, 'a', 'keep', '1')
  await refuseFile(path, 'a', '1', 'because')
  t.same(readdirSync(join(path, '.refused')), [])
})

t.test('a refused file has its reason beside it', async t => {
  const path = folderWith(t, 'a')
  await refuseFile(path, 'a', '1', 'because')
  t.equal(readFileSync(join(path, '.refused', 'a.reason'), 'utf8'), 'because\n')
  t.ok(existsSync(join(path, '.refused', 'a')))
})

t.test('a link in place of our folder is not followed', async t => {
  const path = folderWith(t, 'a')
  const elsewhere = folderWith(t)
  symlinkSync(elsewhere, join(path, '.refused'))
  await t.rejects(refuseFile(path, 'a', '1', 'because'), /is no folder: remove it/)
  t.same(readdirSync(elsewhere), [])
  t.ok(existsSync(join(path, 'a')))
})

t.test('a reason that is there already stays', async t => {
  const path = folderWith(t, 'a')
  mkdirSync(join(path, '.refused'))
  symlinkSync('/dev/null', join(path, '.refused', 'a.reason'))
  await refuseFile(path, 'a', '1', 'because')
  t.ok(existsSync(join(path, '.refused', 'a')))
})
