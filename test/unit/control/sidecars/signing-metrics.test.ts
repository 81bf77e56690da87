import t from 'tap'
import { refusalReasons } from '../../../../src/control/sidecars/attestor.ts'
import { signingMetrics } from '../../../../src/control/sidecars/signing-metrics.ts'

t.test('refusals are told by reason', async t => {
  const none = Object.fromEntries(refusalReasons.map(reason => [reason, 0]))
  const refusals = { ...none, replayed_token: 2 } as Parameters<
    typeof signingMetrics
  >[0]['refusals']
  const [family] = [...signingMetrics({ refusals })()]
  t.equal(family?.samples.length, refusalReasons.length)
  t.match(
    family?.samples.find(({ labels }) => labels['reason'] === 'replayed_token'),
    { value: 2 },
  )
})
