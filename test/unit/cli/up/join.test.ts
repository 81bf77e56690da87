import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { wallNow } from '../../../../src/base/clock.ts'
import { readProxyBootstrap } from '../../../../src/cli/bootstrap-file.ts'
import { prepareSidecar } from '../../../../src/cli/up/join.ts'
import { planMesh } from '../../../../src/cli/up/plan.ts'
import { redeemJoinToken } from '../../../../src/control/join-token.ts'
import { planOf, workload } from './plans.ts'

async function prepare(t: Test) {
  const { configuration } = planOf(workload('orders', '{ serviceAccount: buyer }'))
  const { control, workloads } = planMesh(configuration, {
    config: 'mesh.yaml',
    controlPort: 1,
    controlAdminPort: 2,
    stateDirectory: join(t.testdir(), 'state'),
  })
  const sidecar = workloads[0]?.sidecar
  if (sidecar === undefined) throw new Error('planned without a sidecar')
  await prepareSidecar(sidecar, control)
  return { sidecar, control }
}

t.test('a sidecar finds the bootstrap that was planned', async t => {
  const { sidecar } = await prepare(t)
  t.same(readProxyBootstrap(sidecar.bootstrapFile), sidecar.bootstrap)
})

t.test('nobody else can read bootstrap or token', async t => {
  const { sidecar } = await prepare(t)
  const { joinTokenFile, stateDirectory } = sidecar.bootstrap
  const modeOf = (path: string): number => statSync(path).mode & 0o777
  t.equal(modeOf(stateDirectory), 0o700)
  t.equal(modeOf(sidecar.bootstrapFile), 0o600)
  t.equal(modeOf(joinTokenFile), 0o600)
})

t.test('the token admits this workload for ten minutes', async t => {
  const { sidecar, control } = await prepare(t)
  const token = readFileSync(sidecar.bootstrap.joinTokenFile, 'utf8')
  const now = wallNow()
  const record = await redeemJoinToken(control.bootstrap.stateDirectory, token, now)
  t.match(record, {
    name: 'orders',
    namespace: 'default',
    serviceAccount: 'buyer',
    labels: { app: 'orders' },
  })
  const life = (record?.expiresAt ?? 0) - now
  t.ok(life > 590_000 && life <= 600_000, `${life} ms`)
})
