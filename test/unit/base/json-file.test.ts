import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { JsonFile } from '../../../src/base/json-file.ts'

t.test('what was written is read', async t => {
  const path = join(t.testdir(), 'file.json')
  t.equal(await new JsonFile(path).read(), undefined)
  await new JsonFile(path).write({ orders: [1, 2] })
  t.strictSame(await new JsonFile(path).read(), { orders: [1, 2] })
})

t.test('a damaged file is an error that names it', async t => {
  const path = join(t.testdir({ 'file.json': '{"orders":[1,' }), 'file.json')
  await t.rejects(new JsonFile(path).read(), { message: `${path}: cannot be read` })
  const folder = t.testdirName
  await t.rejects(new JsonFile(folder).read(), { message: `${folder}: cannot be read` })
})

t.test('of values that come during a write only the newest is written', async t => {
  const folder = t.testdir()
  const path = join(folder, 'file.json')
  const file = new JsonFile<number>(path)
  let serialized = 0
  const counted = (value: number): number =>
    ({
      toJSON: () => {
        serialized++
        return value
      },
    }) as unknown as number
  await Promise.all([1, 2, 3, 4].map(value => file.write(counted(value))))
  t.equal(readFileSync(path, 'utf8'), '4')
  t.equal(serialized, 2)
  t.strictSame(readdirSync(folder), ['file.json'])
})

t.test('a write that fails rejects, and the next one is tried all the same', async t => {
  const path = join(t.testdir(), 'file.json')
  mkdirSync(path)
  const file = new JsonFile<number>(path)
  await t.rejects(file.write(1))
  rmdirSync(path)
  await file.write(2)
  t.equal(readFileSync(path, 'utf8'), '2')
})

t.test('a newer value stands for one whose write failed', async t => {
  const path = join(t.testdir(), 'file.json')
  mkdirSync(path)
  const file = new JsonFile<{ toJSON(): number }>(path)
  const first = file.write({ toJSON: () => 1 })
  const second = file.write({
    toJSON: () => {
      rmdirSync(path)
      return 2
    },
  })
  await Promise.all([first, second])
  t.equal(readFileSync(path, 'utf8'), '2')
})
