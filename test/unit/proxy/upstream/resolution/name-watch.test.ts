import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Resolved } from '../../../../../src/proxy/upstream/resolution/name-resolver.ts'
import { NameWatch } from '../../../../../src/proxy/upstream/resolution/name-watch.ts'

/** A watch whose answers are given in order, the last one again and again. */
async function watch(t: Test, answers: (Resolved | Error)[]) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let asked = 0
  const changes: string[] = []
  const watched = new NameWatch('api.example', {
    resolve: async () => {
      const answer = answers[Math.min(asked++, answers.length - 1)]
      if (answer instanceof Error) throw answer
      return answer ?? { addresses: [] }
    },
    random: () => 0.5,
    onChange: ({ addresses, failure }) => changes.push(`${addresses.join()} ${failure ?? ''}`),
  })
  t.teardown(() => watched.close())
  t.ok(watched.pending)
  await turn()
  const pass = async (ms: number): Promise<number> => {
    mock.timers.tick(ms)
    await turn()
    return asked
  }
  return { watched, changes, pass }
}

t.test('it asks again when the TTL is over, within bounds', async t => {
  for (const [ttlMs, expected] of [
    [0, 5000],
    [60_000, 60_000],
    [86_400_000, 300_000],
    [undefined, 30_000],
  ] as const)
    await t.test(`TTL ${ttlMs}`, async t => {
      const answer = { addresses: ['10.0.0.1'], ...(ttlMs !== undefined && { ttlMs }) }
      const { pass, changes, watched } = await watch(t, [answer])
      t.equal(watched.pending, false)
      t.equal(await pass(expected - 1), 1)
      t.equal(await pass(1), 2)
      t.same(changes, ['10.0.0.1 '])
    })
})

t.test(
  'a failure leaves the last good answer, is told once, and is followed by a back-off',
  async t => {
    const good = { addresses: ['10.0.0.2', '10.0.0.1', '10.0.0.2'], ttlMs: 5000 }
    const bad = new Error('queryA ESERVFAIL')
    const moved = { addresses: ['10.0.0.3'], ttlMs: 5000 }
    const { pass, changes, watched } = await watch(t, [good, bad, bad, moved])
    t.equal(await pass(5000), 2)
    t.same(watched.addresses, ['10.0.0.1', '10.0.0.2'])
    t.equal(watched.failure, 'queryA ESERVFAIL')
    t.equal(await pass(750), 3)
    t.equal(await pass(1499), 3)
    t.equal(await pass(1), 4)
    t.same(changes, ['10.0.0.1,10.0.0.2 ', '10.0.0.1,10.0.0.2 queryA ESERVFAIL', '10.0.0.3 '])
    t.equal(watched.failure, undefined)
  },
)

t.test('of a name that has more addresses than the bound the first are taken', async t => {
  const addresses = Array.from({ length: 200 }, (_, index) => `10.0.0.${index}`)
  const { watched } = await watch(t, [{ addresses }])
  t.equal(watched.addresses.length, 64)
})

t.test('closed, it asks nobody any more', async t => {
  const { watched, pass } = await watch(t, [{ addresses: ['10.0.0.1'], ttlMs: 5000 }])
  watched.close()
  t.equal(await pass(100_000), 1)
})
