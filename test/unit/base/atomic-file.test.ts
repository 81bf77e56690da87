import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { writeFileAtomically } from '../../../src/base/atomic-file.ts'

t.test('the file holds the new content, for its owner alone', async t => {
  const folder = t.testdir({ file: 'a longer text than the one that replaces it' })
  const path = join(folder, 'file')
  await writeFileAtomically(path, 'new')
  t.equal(readFileSync(path, 'utf8'), 'new')
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.strictSame(readdirSync(folder), ['file'])
})

t.test('a reader meets one content or the other, never a part', async t => {
  const path = join(t.testdir(), 'file')
  const contents = ['a', 'b'].map(letter => letter.repeat(200_000))
  writeFileSync(path, contents[0] ?? '')
  const seen = new Set<string>()
  let done = false
  const written = writeFileAtomically(path, contents[1] ?? '').then(() => (done = true))
  while (!done) {
    seen.add(readFileSync(path, 'utf8'))
    await new Promise(resolve => setImmediate(resolve))
  }
  await written
  seen.add(readFileSync(path, 'utf8'))
  t.strictSame([...seen], contents)
})

t.test('a write that fails leaves the old file and no draft', async t => {
  const folder = t.testdir({ occupied: { file: 'old' } })
  await t.rejects(writeFileAtomically(join(folder, 'occupied'), 'new'), { code: 'EISDIR' })
  t.strictSame(readdirSync(folder), ['occupied'])
  t.equal(readFileSync(join(folder, 'occupied', 'file'), 'utf8'), 'old')
})
