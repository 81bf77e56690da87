import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { Registry } from '../../../../src/control/sidecars/registry.ts'
import { mockTime } from '../../../support/mock-time.ts'
import { registrationOf } from './registrations.ts'

const leaseMs = 30_000
const orders = registrationOf('orders')
const users = registrationOf('users')

let opened: Registry[]

t.beforeEach(t => {
  opened = []
  // Before the folder is made, for it to be removed after.
  t.teardown(() => Promise.all(opened.map(registry => registry.close())))
  t.testdir()
  mockTime(t)
})

async function open(t: Test) {
  const path = join(t.testdirName, 'registrations.json')
  const failures: unknown[] = []
  let changes = 0
  const registry = await Registry.open({
    path,
    leaseMs,
    onChange: () => changes++,
    onFileFailure: error => failures.push(error),
  })
  opened.push(registry)
  const names = (): string[] => registry.registrations.map(({ name }) => name)
  return { registry, path, failures, names, changes: () => changes }
}

t.test('a registration is found until its lease ends', async t => {
  const { registry, names, changes } = await open(t)
  registry.register(orders)
  t.strictSame(registry.find({ namespace: 'default', name: 'orders' }), orders)
  t.equal(registry.find({ namespace: 'other', name: 'orders' }), undefined)
  mock.timers.tick(leaseMs - 1)
  t.strictSame(names(), ['orders'])
  mock.timers.tick(1)
  t.strictSame(names(), [])
  t.equal(changes(), 2)
})

t.test('whoever is heard has its lease renewed', async t => {
  const { registry, names } = await open(t)
  registry.register(orders)
  registry.register(users)
  mock.timers.tick(leaseMs - 1)
  registry.renew(orders)
  registry.register(users)
  mock.timers.tick(leaseMs - 1)
  t.strictSame(names(), ['orders', 'users'])
  mock.timers.tick(1)
  t.strictSame(names(), [])
  registry.renew(orders)
  t.strictSame(names(), [], 'but does not come back by it')
})

t.test('only what changes something is told', async t => {
  const { registry, changes } = await open(t)
  registry.register(orders)
  registry.register({ ...orders })
  t.equal(changes(), 1)
  registry.register({ ...orders, meshPort: 1 })
  t.equal(changes(), 2)
  registry.setReady(orders, false)
  registry.setReady(orders, false)
  t.equal(changes(), 3)
  t.equal(registry.find(orders)?.ready, false)
  t.equal(registry.find(orders)?.meshPort, 1)
  registry.remove(orders)
  registry.remove(orders)
  t.equal(changes(), 4)
  registry.setReady(orders, true)
  t.equal(changes(), 4)
  t.equal(registry.find(orders), undefined)
})

t.test('a registration that was replaced does not end with the lease of the old one', async t => {
  const { registry, names } = await open(t)
  registry.register(orders)
  mock.timers.tick(leaseMs - 1)
  registry.register({ ...orders, meshPort: 1 })
  mock.timers.tick(leaseMs - 1)
  t.strictSame(names(), ['orders'])
})

t.test('registrations outlive the process, each for a whole lease', async t => {
  const first = await open(t)
  first.registry.register(orders)
  first.registry.register(users)
  first.registry.remove(users)
  mock.timers.tick(leaseMs - 1)
  await first.registry.close()
  const second = await open(t)
  t.strictSame(second.registry.registrations, [orders])
  t.equal(second.changes(), 0)
  mock.timers.tick(leaseMs - 1)
  t.strictSame(second.names(), ['orders'])
  mock.timers.tick(1)
  t.strictSame(second.names(), [])
})

t.test('closed, its leases end no more and all is on disk', async t => {
  const { registry, path, changes } = await open(t)
  registry.register(orders)
  await registry.close()
  t.strictSame(JSON.parse(readFileSync(path, 'utf8')), [orders])
  mock.timers.tick(leaseMs)
  t.equal(changes(), 1)
})

t.test('a damaged file is reported, and does without: sidecars come back', async t => {
  writeFileSync(join(t.testdirName, 'registrations.json'), '[{"name":')
  const { registry, failures, names } = await open(t)
  t.match(failures, [{ message: /registrations.json: cannot be read/ }])
  t.strictSame(names(), [])
  registry.register(orders)
  t.strictSame(names(), ['orders'])
})

t.test('a file that cannot be written is reported, and the next write tries again', async t => {
  const { registry, path, failures, names } = await open(t)
  mkdirSync(path)
  registry.register(orders)
  await registry.close()
  t.equal(failures.length, 1)
  t.strictSame(names(), ['orders'])
  rmdirSync(path)
  registry.register(users)
  await registry.close()
  t.ok(existsSync(path))
  t.equal(failures.length, 1)
})
