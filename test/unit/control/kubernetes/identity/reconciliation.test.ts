import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../../../src/base/log.ts'
import { KubernetesError } from '../../../../../src/control/kubernetes/api/kubernetes-api.ts'
import { Reconciliation } from '../../../../../src/control/kubernetes/identity/reconciliation.ts'
import { mockTime } from '../../../../support/mock-time.ts'

function start(t: Test, pass: (signal: AbortSignal) => Promise<void>, isActive = () => true) {
  mockTime(t)
  const warnings: object[] = []
  const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) }
  const options = { what: 'order', pass, isActive, logger, random: () => 1 }
  const reconciliation = new Reconciliation(options)
  t.teardown(() => reconciliation.close())
  return { reconciliation, warnings }
}

async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms)
  await turn()
}

t.test('it runs at once, each minute, and soon after a change', async t => {
  let passes = 0
  const { reconciliation } = start(t, async () => void passes++)
  await pass(0)
  t.equal(passes, 1)
  await pass(59_999)
  t.equal(passes, 1)
  await pass(1)
  t.equal(passes, 2)
  reconciliation.changed()
  reconciliation.changed()
  await pass(0)
  t.equal(passes, 3)
})

t.test('only who is to do it does it', async t => {
  let passes = 0
  let isActive = false
  const { reconciliation } = start(
    t,
    async () => void passes++,
    () => isActive,
  )
  await pass(0)
  t.equal(passes, 0)
  isActive = true
  reconciliation.changed()
  await pass(0)
  t.equal(passes, 1)
})

t.test('passes do not overlap; what changes meanwhile is seen by one more', async t => {
  const ends: (() => void)[] = []
  const { reconciliation } = start(t, () => new Promise<void>(resolve => ends.push(resolve)))
  await pass(0)
  reconciliation.changed()
  reconciliation.changed()
  await pass(0)
  t.equal(ends.length, 1)
  ends[0]?.()
  await turn()
  await pass(0)
  t.equal(ends.length, 2)
  ends[1]?.()
  await turn()
  await pass(0)
  t.equal(ends.length, 2)
})

t.test('failures are followed by growing rests, which no change shortens', async t => {
  let passes = 0
  let error: Error | undefined = new Error('no')
  const { reconciliation, warnings } = start(t, async () => {
    passes++
    if (error !== undefined) throw error
  })
  await pass(0)
  for (const restMs of [1000, 2000, 4000]) {
    reconciliation.changed()
    await pass(restMs - 1)
    const before = passes
    await pass(1)
    t.equal(passes, before + 1)
  }
  t.match(warnings[0], { what: 'order', restMs: 1000 })
  error = new KubernetesError('busy', { status: 429, retryAfterMs: 20_000 })
  await pass(8000)
  t.match(warnings.at(-1), { restMs: 20_000 }, 'as the server asks')
  error = new KubernetesError('busy', { status: 429, retryAfterMs: 10 ** 9 })
  await pass(20_000)
  t.match(warnings.at(-1), { restMs: 60_000 }, 'within reason')
  error = undefined
  await pass(60_000)
  reconciliation.changed()
  const before = passes
  await pass(0)
  t.equal(passes, before + 1, 'and then changes count again')
})

t.test('closing ends the pass under way, and none follows', async t => {
  let passes = 0
  const { reconciliation, warnings } = start(t, signal => {
    passes++
    return new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(new Error('aborted'))),
    )
  })
  await pass(0)
  await reconciliation.close()
  reconciliation.changed()
  await pass(120_000)
  t.equal(passes, 1)
  t.strictSame(warnings, [])
})
