import t from 'tap'
import { errorCodes, OutcomeCounts } from '../../../src/telemetry/outcome-counts.ts'

t.test('an outcome is a class of status or a reason, never both', async t => {
  const counts = new OutcomeCounts()
  counts.count(204, undefined)
  counts.count(503, undefined)
  counts.count(503, 'upstream_reset')
  counts.count(0, undefined)
  t.same([...counts.byStatusClass], [1, 0, 1, 0, 0, 1])
  t.equal(counts.byReason[errorCodes.indexOf('upstream_reset')], 1)
})
