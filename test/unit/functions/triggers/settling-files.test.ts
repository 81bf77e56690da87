import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SettlingFiles } from '../../../../src/functions/triggers/settling-files.ts'

function setUp(t: Test) {
  const path = mkdtempSync(join(tmpdir(), 'weft-settling-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  const clock = { now: 1000 }
  const files = new SettlingFiles(path, 100, () => clock.now)
  const namesAt = async (now: number): Promise<readonly string[]> => {
    clock.now = now
    return (await files.look()).files.map(file => file.name).toSorted()
  }
  const write = (name: string, content = 'x') => writeFileSync(join(path, name), content)
  return { path, clock, files, namesAt, write }
}

t.test('a file is ready when it was the same for long enough', async t => {
  const { path, files, namesAt, write } = setUp(t)
  write('a')
  t.same(await namesAt(1000), [])
  t.equal((await files.look()).nextAt, 1100)
  t.same(await namesAt(1099), [])
  appendFileSync(join(path, 'a'), 'more')
  t.same(await namesAt(1100), [])
  t.same(await namesAt(1199), [])
  t.same(await namesAt(1200), ['a'])
})

t.test('files under names of drafts, and what is no file, are left alone', async t => {
  const { path, namesAt, write } = setUp(t)
  for (const name of ['.a', 'a.tmp', 'a.part', 'tmp', 'a.tmp.txt']) write(name)
  symlinkSync('tmp', join(path, 'link'))
  mkdirSync(join(path, 'folder'))
  execFileSync('sh', ['-c', 'mkfifo "$0"', join(path, 'pipe')])
  await namesAt(1000)
  t.same(await namesAt(1100), ['a.tmp.txt', 'tmp'])
})

t.test('names that no event can have are reported', async t => {
  const { path, files, write } = setUp(t)
  write('a\nb')
  writeFileSync(Buffer.concat([Buffer.from(`${path}/x`), Buffer.from([0xff])]), 'x')
  const { unusable, files: none } = await files.look()
  t.same(unusable.toSorted(), ['a\nb', 'x\ufffd'])
  t.same(none, [])
})

t.test('what is set aside comes again at its time', async t => {
  const { files, clock, namesAt, write } = setUp(t)
  write('a')
  await namesAt(1000)
  clock.now = 1100
  const [file] = (await files.look()).files
  file!.readyAt = 5000
  t.same(await namesAt(4999), [])
  t.same(await namesAt(5000), ['a'])
})

t.test('many files are handed out in batches', async t => {
  const { path, clock, files, write } = setUp(t)
  for (let i = 0; i < 250; i++) write(`f${i}`)
  await files.look()
  clock.now = 1100
  const taken: number[] = []
  for (let round = 0; round < 3; round++) {
    const batch = await files.look()
    taken.push(batch.files.length)
    for (const file of batch.files) rmSync(join(path, file.name))
    t.equal(batch.nextAt === 0, round < 2)
  }
  t.same(taken, [100, 100, 50])
})

t.test('a folder that is not there is an error', async t => {
  const files = new SettlingFiles('/nonexistent/folder', 100, () => 0)
  await t.rejects(files.look(), { code: 'ENOENT' })
})
