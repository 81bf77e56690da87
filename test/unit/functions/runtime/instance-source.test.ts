import t from 'tap'
import { Instance } from '../../../../src/functions/runtime/instance.ts'
import { InstanceSource } from '../../../../src/functions/runtime/instance-source.ts'
import type { FunctionSpec } from '../../../../src/model/function/function.ts'
import { FakeDriver } from '../../../support/functions/fake-driver.ts'
import { functionSpec } from '../../../support/functions/sandbox.ts'

function scene(preparesAhead: boolean) {
  const driver = new FakeDriver({ preparesAhead })
  const ended: number[] = []
  const troubles: string[] = []
  let numbers = 0
  const source = new InstanceSource({
    driverFor: () => driver,
    create: (spec, made, onEnd) =>
      new Instance({
        number: ++numbers,
        spec,
        driver: made,
        open: async () => ({ port: 1, close: () => {} }),
        environment: async () => ({}),
        onLine: () => {},
        onReady: () => {},
        onDone: () => {},
        onRoom: () => {},
        onEnd,
        now: () => 0,
        wallNow: () => 0,
      }),
    onEnd: ({ number }) => ended.push(number),
    onTrouble: reason => troubles.push(reason),
  })
  return { driver, source, ended, troubles }
}

function pooled(pool: number, changes: Partial<FunctionSpec> = {}): FunctionSpec {
  const spec = functionSpec(changes)
  return { ...spec, scale: { ...spec.scale, pool } }
}

async function ready(source: InstanceSource, count: number): Promise<void> {
  while (source.ready < count) await new Promise(setImmediate)
}

t.test('instances that were prepared are taken first', async t => {
  const { driver, source, ended } = scene(true)
  const spec = pooled(2)
  source.apply(spec, false)
  await ready(source, 2)
  t.equal(driver.sandboxes.length, 2)
  const taken = [source.take(spec), source.take(spec), source.take(spec)]
  t.same(
    taken.map(({ number }) => number),
    [1, 2, 3],
  )
  for (const instance of taken) await instance.start()
  t.same(
    driver.sandboxes.map(({ calls }) => calls.join()),
    ['start', 'start', 'start'],
  )
  for (const { events } of driver.sandboxes) events.onExit(1, null)
  t.same(ended, [1, 2, 3])
  await source.close()
})

t.test('one that ends before it is taken is nobody’s concern but ours', async t => {
  const { driver, source, ended } = scene(true)
  source.apply(pooled(1), false)
  await ready(source, 1)
  driver.last.events.onFailure('no image')
  t.equal(source.ready, 0)
  t.same(ended, [])
  await source.close()
})

t.test('changed code gets new ones, a changed scale does not', async t => {
  const { driver, source } = scene(true)
  source.apply(pooled(1), false)
  await ready(source, 1)
  source.apply(pooled(2), true)
  await ready(source, 2)
  t.equal(driver.sandboxes.length, 2)
  source.apply(pooled(1, { handler: 'other' }), false)
  await ready(source, 1)
  t.same(
    driver.sandboxes.map(({ calls }) => calls.join()),
    ['kill', 'kill', ''],
  )
  await source.close()
  t.same(driver.last.calls, ['kill'])
})

t.test('a driver learns how many are expected, and when none are', async t => {
  const { driver, source } = scene(false)
  source.apply(pooled(2), false)
  source.apply(pooled(3), true)
  source.apply(pooled(1, { handler: 'other' }), false)
  await source.close()
  t.same(driver.expected, [
    '2 of f.handler',
    '3 of f.handler',
    '0 of f.handler',
    '1 of other',
    '0 of other',
  ])
  t.equal(driver.sandboxes.length, 0)
})
