import t from 'tap'
import { FunctionHosting } from '../../../src/functions/function-hosting.ts'
import type { FunctionEvents } from '../../../src/functions/function-events.ts'
import type { FunctionVersions } from '../../../src/functions/function-versions.ts'
import type { Drivers } from '../../../src/functions/runtime/drivers.ts'

function setUp() {
  const order: string[] = []
  const part = (name: string) => ({
    apply: () => void order.push(`${name} told`),
    drain: async () => {
      await new Promise(setImmediate)
      order.push(`${name} drained`)
    },
    close: async () => {
      await new Promise(setImmediate)
      order.push(`${name} closed`)
    },
  })
  const hosting = new FunctionHosting({
    versions: part('versions') as unknown as FunctionVersions,
    events: part('events') as unknown as FunctionEvents,
    drivers: part('drivers') as unknown as Drivers,
  })
  return { hosting, order }
}

t.test('versions are there before events ask for them', async t => {
  const { hosting, order } = setUp()
  hosting.apply(undefined)
  t.strictSame(order, ['versions told', 'events told'])
})

t.test('events end before the instances that run them, drained or not', async t => {
  const { hosting, order } = setUp()
  await hosting.drain()
  t.strictSame(order, ['events drained', 'versions drained'])
  order.length = 0
  await hosting.close()
  t.strictSame(order, ['events closed', 'versions closed', 'drivers closed'])
})
