import { setImmediate as nextTurn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import type { ApiFault, FakeApiServer } from '../../../../support/kubernetes/fake-api-server.ts'
import { service, services, watchServices, type Watching } from './watching.ts'

/** One thing that happens; those that are waited for are promises. */
type Event = (watching: Watching) => void | Promise<void>

/** With what there is printed in place of a function. */
function named(text: string, event: Event): Event & { toString: () => string } {
  return Object.assign(event, { toString: () => text })
}

const name = fc.constantFrom('a', 'b', 'c', '__proto__')
const put = fc
  .tuple(name, fc.integer({ min: 1, max: 9 }))
  .map(([n, port]) =>
    named(`put ${n} ${port}`, ({ server }) => void server.put(services, service(n, port))),
  )
const remove = name.map(n =>
  named(`remove ${n}`, ({ server }) => server.remove(services, `shop/${n}`)),
)
const turns = fc.integer({ min: 1, max: 3 }).map(count =>
  named(`${count} requests`, async ({ server }) => {
    const wanted = server.requests.length + count
    for (let turn = 0; turn < 200 && server.requests.length < wanted; turn++) await nextTurn()
  }),
)
const end = fc
  .constantFrom<Parameters<FakeApiServer['endWatches']>[0][]>('end', 'cut', 'half-line')
  .map(how => named(how, ({ server }) => server.endWatches(how)))
const faults: readonly ApiFault[] = [
  { status: 410, reason: 'Expired' },
  { status: 410, reason: 'Expired', asEvent: true },
  { status: 429, retryAfter: '0' },
  { status: 500, asEvent: true },
  { status: 503 },
  { status: 504, details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } },
  { text: '{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n' },
  { text: '{"type":"BOOK', cut: true },
  { text: '' },
  'die',
]
const fault = fc
  .tuple(fc.constantFrom(/watch=/, /limit=/, /./), fc.constantFrom(...faults))
  .map(([matches, met]) =>
    named(`${matches} meets ${JSON.stringify(met)}`, ({ server }) => server.fail(matches, met)),
  )
const others = fc.constantFrom(
  named('bookmark', ({ server }) => server.bookmark()),
  named('garbage', ({ server }) => server.tell('{"type"\n')),
  named('compact', ({ server }) => server.store.compact()),
  named('restart', async ({ server }) => {
    await server.down()
    await server.up()
  }),
  // What came after the backup has to be missed before there is more: later it could not be seen by versions.
  named('set back', async watching => {
    const { server } = watching
    const backup = server.store.save()
    server.put(services, service('a', 10))
    await followed(watching)
    await server.down()
    server.store.restore(backup)
    await server.up()
    await followed(watching)
  }),
)
const events = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: put },
    { weight: 3, arbitrary: remove },
    { weight: 4, arbitrary: turns },
    { weight: 3, arbitrary: end },
    { weight: 3, arbitrary: fault },
    { weight: 2, arbitrary: others },
  ),
  { maxLength: 40 },
)

function portsOf(server: FakeApiServer): object {
  const entries = server.all(services).map(({ metadata, spec }) => {
    const { ports } = spec as ReturnType<typeof service>['spec']
    return [`${metadata.namespace}/${metadata.name}`, ports[0]?.port]
  })
  return Object.fromEntries(entries)
}

async function followed({ server, list, objects }: Watching): Promise<void> {
  const explain = () =>
    `${JSON.stringify(portsOf(server))}, and here ${JSON.stringify([...list.objects])}; ${JSON.stringify(list.status)}`
  await within(5000, () => isDeepStrictEqual(objects(), portsOf(server)), explain)
}

async function within(ms: number, condition: () => boolean, explain: () => string) {
  const deadline = performance.now() + ms
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`in vain: ${explain()}`)
    await nextTurn()
  }
}

t.test('whatever happens, after it the copy is what the server has', async t => {
  // A server that is set back between a list and its watch says nothing: silence alone tells of it.
  const watching = await watchServices(t, { watchSilenceMs: 1000 })
  const { server, list } = watching
  await list.synced
  const neverMissed = (): void => {
    if (!list.objects.has('shop/orders'))
      throw new Error('an object vanished that was always there')
  }
  await fc.assert(
    fc.asyncProperty(events, async events => {
      for (const event of events) {
        await event(watching)
        neverMissed()
      }
      server.heal()
      await followed(watching)
      server.put(services, service('orders', 1 + (server.store.version % 60_000)))
      await followed(watching)
    }),
    { numRuns: 200, endOnFailure: true },
  )
  t.ok(list.status.lists > 5, 'of all kinds there were some')
  t.ok(list.status.failures > 20)
})
