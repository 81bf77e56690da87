import t from 'tap'
import { expectedWaitMs } from '../../../../src/functions/scaling/admission.ts'

t.test('the wait grows by one turn with each full round of the instances', async t => {
  const backlog = { slots: 4, serviceMs: 100, coldMs: 0 }
  t.equal(expectedWaitMs({ ...backlog, queued: 3 }), 0)
  t.equal(expectedWaitMs({ ...backlog, queued: 4 }), 100)
  t.equal(expectedWaitMs({ ...backlog, queued: 9 }), 200)
})

t.test('a start comes on top, and what is not known yet counts for nothing', async t => {
  t.equal(expectedWaitMs({ queued: 8, slots: 4, serviceMs: undefined, coldMs: 80 }), 80)
  t.equal(expectedWaitMs({ queued: 8, slots: 0, serviceMs: 10, coldMs: 80 }), 160)
})
