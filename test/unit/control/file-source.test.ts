import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { FileSource } from '../../../src/control/file-source.ts'
import type { LoadResult } from '../../../src/model/configuration.ts'
import { formatProblem } from '../../../src/model/problem.ts'
import { mockTime } from '../../support/mock-time.ts'
import { serviceYaml } from '../model/configurations.ts'

// A second passes only where a test says so: all else must come about by events.
t.beforeEach(t => mockTime(t, ['setInterval']))

/** What a source has called back with, in short: names of Services, or problems. */
class Changes {
  readonly all: string[][] = []
  #wanted = Promise.withResolvers<void>()

  readonly take = ({ configuration, problems }: LoadResult): void => {
    const names = configuration.services.map(({ metadata }) => metadata.name)
    this.all.push(problems.length > 0 ? problems.map(formatProblem) : names)
    this.#wanted.resolve()
  }

  /** The first not yet asked for; waits for it. */
  async next(): Promise<string[] | undefined> {
    await this.#wanted.promise
    this.#wanted = Promise.withResolvers()
    return this.all.at(-1)
  }
}

async function follow(t: Test, path: string): Promise<Changes> {
  const changes = new Changes()
  const source = new FileSource(path)
  t.teardown(() => source.close())
  await source.watch(changes.take)
  return changes
}

function meshFile(t: Test, name = 'orders'): string {
  return join(t.testdir({ 'mesh.yaml': serviceYaml(name) }), 'mesh.yaml')
}

t.test('a file is loaded on request', async t => {
  const { configuration, problems } = await new FileSource(meshFile(t)).load()
  t.same(problems, [])
  t.match(configuration.services, [{ metadata: { name: 'orders' } }])
})

t.test('a write in place is seen', async t => {
  const file = meshFile(t)
  const changes = await follow(t, file)
  writeFileSync(file, serviceYaml('users'))
  t.same(await changes.next(), ['users'])
  appendFileSync(file, serviceYaml('payments'))
  t.same(await changes.next(), ['users', 'payments'])
})

t.test('an editor that replaces the file is seen, again and again', async t => {
  const file = meshFile(t)
  const changes = await follow(t, file)
  for (const name of ['users', 'payments', 'carts']) {
    writeFileSync(`${file}~`, serviceYaml(name))
    renameSync(`${file}~`, file)
    t.same(await changes.next(), [name])
  }
})

t.test('quick edits are loaded once, with the last of them', async t => {
  const file = meshFile(t)
  const changes = await follow(t, file)
  for (const name of ['a', 'b', 'c', 'd', 'users']) writeFileSync(file, serviceYaml(name))
  t.same(await changes.next(), ['users'])
  writeFileSync(file, serviceYaml('payments'))
  await changes.next()
  t.same(changes.all, [['users'], ['payments']])
})

/** An edit of which the source has heard when this resolves. */
async function heardEdit(t: Test, file: string, name: string): Promise<void> {
  // It comes later to the same folder, so it hears later.
  const watcher = watch(dirname(file))
  t.teardown(() => watcher.close())
  writeFileSync(file, serviceYaml(name))
  await once(watcher, 'change')
}

/** By now a load that had begun would be over. */
async function settled(file: string): Promise<void> {
  for (let load = 0; load < 3; load++) await new FileSource(file).load()
}

t.test('an edit is over when nothing has happened for 50 ms', async t => {
  const file = meshFile(t)
  mock.timers.reset()
  mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  const changes = await follow(t, file)
  for (const name of ['a', 'b', 'users']) {
    await heardEdit(t, file, name)
    mock.timers.tick(49)
    await settled(file)
    t.same(changes.all, [])
  }
  mock.timers.tick(1)
  t.same(await changes.next(), ['users'])
  t.equal(changes.all.length, 1)
})

t.test('a broken edit is handed on with all its problems, and so is its repair', async t => {
  const file = meshFile(t)
  const changes = await follow(t, file)
  writeFileSync(file, serviceYaml('Orders', '[{ prot: 80 }]'))
  t.match(await changes.next(), [
    /:4:13 metadata.name/,
    /spec.ports\[0\].port/,
    /did you mean "port"/,
  ])
  writeFileSync(file, serviceYaml('users'))
  t.same(await changes.next(), ['users'])
})

t.test('a file that goes away is a problem until it comes back', async t => {
  const file = meshFile(t)
  const changes = await follow(t, file)
  rmSync(file)
  t.match(await changes.next(), [/cannot be read: ENOENT/])
  writeFileSync(file, serviceYaml('orders'))
  t.same(await changes.next(), ['orders'])
})

t.test('a file is found when it comes later', async t => {
  const file = join(t.testdir(), 'mesh.yaml')
  const changes = await follow(t, file)
  writeFileSync(file, serviceYaml('orders'))
  t.same(await changes.next(), ['orders'])
})

t.test('other files, and events that change nothing, load nothing', async t => {
  const file = meshFile(t)
  const folder = dirname(file)
  const [changes, folderChanges] = [await follow(t, file), await follow(t, folder)]
  mkdirSync(join(folder, 'elsewhere'))
  const other = join(folder, 'elsewhere/mesh.yaml')
  const otherChanges = await follow(t, other)
  chmodSync(file, 0o600)
  writeFileSync(join(folder, 'notes.txt'), 'kind: [')
  // What takes as long as two loads comes after what would have been one.
  for (const name of ['users', 'carts']) {
    writeFileSync(other, serviceYaml(name))
    t.same(await otherChanges.next(), [name])
  }
  t.same([changes.all, folderChanges.all], [[], []])
})

t.test('a folder is followed: files that change, come and go', async t => {
  const folder = t.testdir({ 'a.yaml': serviceYaml('orders') })
  const changes = await follow(t, folder)
  writeFileSync(join(folder, 'b.yml'), serviceYaml('users'))
  t.same(await changes.next(), ['orders', 'users'])
  writeFileSync(join(folder, 'a.yaml'), serviceYaml('carts'))
  t.same(await changes.next(), ['carts', 'users'])
  rmSync(join(folder, 'a.yaml'))
  t.same(await changes.next(), ['users'])
  rmSync(join(folder, 'b.yml'))
  t.match(await changes.next(), [/holds no document/])
})

t.test('a change that no event tells of is seen a second later', async t => {
  const elsewhere = meshFile(t)
  const folder = join(elsewhere, '../here')
  mkdirSync(folder)
  symlinkSync(elsewhere, join(folder, 'mesh.yaml'))
  const followed = [await follow(t, join(folder, 'mesh.yaml')), await follow(t, folder)]
  writeFileSync(elsewhere, serviceYaml('users'))
  mock.timers.tick(1000)
  for (const changes of followed) t.same(await changes.next(), ['users'])
})

t.test('a folder that does not exist yet is waited for', async t => {
  const folder = join(t.testdir(), 'config')
  const changes = await follow(t, join(folder, 'mesh.yaml'))
  mkdirSync(folder)
  writeFileSync(join(folder, 'mesh.yaml'), serviceYaml('orders'))
  mock.timers.tick(1000)
  t.same(await changes.next(), ['orders'])
})

t.test('after close nothing is called any more', async t => {
  const file = meshFile(t)
  const changes = new Changes()
  const [early, late] = [new FileSource(file), new FileSource(file)]
  const watching = early.watch(changes.take)
  early.close()
  await watching
  await late.watch(changes.take)
  const other = await follow(t, file)
  writeFileSync(file, serviceYaml('users'))
  late.close()
  t.same(await other.next(), ['users'])
  t.same(changes.all, [])
})

t.test('a load under way when the source is closed is not handed on', async t => {
  const file = meshFile(t)
  mock.timers.reset()
  mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  const changes = new Changes()
  const source = new FileSource(file)
  await source.watch(changes.take)
  await heardEdit(t, file, 'users')
  mock.timers.tick(50)
  source.close()
  await settled(file)
  t.same(changes.all, [])
})
