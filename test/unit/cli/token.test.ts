import { join } from 'node:path'
import t from 'tap'
import { wallNow } from '../../../src/base/clock.ts'
import { createToken } from '../../../src/cli/token.ts'
import { redeemJoinToken } from '../../../src/control/join-token.ts'

const options = { namespace: 'shop', labels: { app: 'o' }, lifeMs: 60_000 }

t.test('what is printed admits the workload, under its own name as identity', async t => {
  const stateDirectory = join(t.testdir(), 'control')
  const out = t.capture(console, 'log', () => {})
  const before = wallNow()
  t.equal(await createToken('orders', { stateDirectory, ...options }), 0)
  const after = wallNow()
  const [printed] = out()[0]?.args ?? []
  const record = await redeemJoinToken(stateDirectory, String(printed), after)
  const { expiresAt = 0, ...admitted } = record ?? {}
  t.same(admitted, {
    namespace: 'shop',
    name: 'orders',
    serviceAccount: 'orders',
    labels: { app: 'o' },
  })
  t.ok(expiresAt >= before + 60_000 && expiresAt <= after + 60_000)
})

t.test('the service account can be another', async t => {
  const stateDirectory = t.testdir()
  const out = t.capture(console, 'log', () => {})
  await createToken('orders', { stateDirectory, ...options, serviceAccount: 'buyer' })
  const record = await redeemJoinToken(stateDirectory, String(out()[0]?.args[0]), wallNow())
  t.equal(record?.serviceAccount, 'buyer')
})

t.test('a name that cannot stand in an identity is the command line’s fault', async t => {
  const stateDirectory = t.testdir()
  for (const [workload, namespace] of [
    ['Orders!', 'shop'],
    ['orders', 'sh/op'],
  ] as const)
    await t.rejects(createToken(workload, { stateDirectory, ...options, namespace }), {
      name: 'CommandError',
      exitCode: 2,
    })
})
