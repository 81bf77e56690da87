import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { HostAdmission } from '../../../../src/control/scaling/host-admission.ts'
import { redeemJoinToken } from '../../../../src/control/join-token.ts'

const record = { namespace: 'default', name: 'echo-host-0', serviceAccount: 'echo', labels: {} }

t.test('each host gets a token of its own, which lets it in once and soon', async t => {
  const stateDirectory = t.testdir({ 'trust-bundle.pem': 'PEM' })
  let now = 1000
  const admission = new HostAdmission({ stateDirectory, trustDomain: 'weft.local' }, () => now)
  const { token, ...rest } = await admission.admit(record)
  t.strictSame(rest, { trustBundle: 'PEM', trustDomain: 'weft.local' })
  t.match(await redeemJoinToken(stateDirectory, token, now), record)
  t.equal(await redeemJoinToken(stateDirectory, token, now), undefined)
  const late = await admission.admit(record)
  now += 120_000
  await admission.admit(record)
  t.equal(readdirSync(join(stateDirectory, 'tokens')).length, 1, 'those that nobody came with go')
  t.equal(await redeemJoinToken(stateDirectory, late.token, now), undefined)
})
