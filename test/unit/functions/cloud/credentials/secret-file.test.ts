import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import {
  readSecret,
  SecretFile,
} from '../../../../../src/functions/cloud/credentials/secret-file.ts'

const never = new AbortController().signal

t.test('a file that was replaced is found within minutes', async t => {
  const path = join(t.testdir({ key: 'first\n' }), 'key')
  const clock = { now: 0 }
  const file = new SecretFile(path, () => clock.now)
  t.equal(await file.read(never), 'first')
  writeFileSync(path, 'second\n')
  t.equal(await file.read(never), 'first')
  clock.now = 360_000
  t.equal(await file.read(never), 'second')
})

t.test('what was refused is read again', async t => {
  const path = join(t.testdir({ key: 'first' }), 'key')
  const clock = { now: 0 }
  const file = new SecretFile(path, () => clock.now)
  await file.read(never)
  writeFileSync(path, 'second')
  clock.now = 20_000
  file.forget()
  t.equal(await file.read(never), 'second')
})

t.test('what is no secret is refused without a word of it', async t => {
  const folder = t.testdir({ empty: '', two: 'hidden\nlines', big: 'x'.repeat(65_537) })
  for (const name of ['missing', 'empty', 'two', 'big']) {
    const path = join(folder, name)
    const error = await new SecretFile(path, () => 0).read(never).catch((thrown: unknown) => thrown)
    t.match(error, { code: 'credentials', unsent: true, message: path }, name)
    t.notMatch(inspect(error), /hidden|xxx/)
  }
  await t.rejects(readSecret(folder), { code: 'credentials' })
})
