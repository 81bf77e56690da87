import t from 'tap'
import { instancesToStart, type Demand } from '../../../../src/functions/scaling/demand.ts'

const busy: Demand = {
  queued: 1,
  oldestWaitMs: 0,
  ready: 1,
  starting: 0,
  concurrency: 1,
  serviceMs: 2,
  coldMs: 100,
}
const startsFor = (changes: Partial<Demand>) => instancesToStart({ ...busy, ...changes })

t.test('where nothing runs, each waiting event gets an instance', async t => {
  t.equal(startsFor({ ready: 0, queued: 3 }), 3)
  t.equal(startsFor({ ready: 0, queued: 3, starting: 2 }), 1)
  t.equal(startsFor({ ready: 0, queued: 3, starting: 5 }), 0)
  t.equal(startsFor({ ready: 0, queued: 9, concurrency: 4 }), 3)
})

t.test('nothing is started that would come after the event is done', async t => {
  t.equal(startsFor({}), 0)
  t.equal(startsFor({ queued: 50 }), 0)
  t.equal(startsFor({ queued: 51 }), 51)
  t.equal(startsFor({ queued: 51, ready: 2 }), 0)
})

t.test('slow functions get instances at once', async t => {
  t.equal(startsFor({ serviceMs: 101 }), 1)
  t.equal(startsFor({ serviceMs: undefined }), 1)
})

t.test('whoever has waited for as long as a start takes waits no longer', async t => {
  t.equal(startsFor({ oldestWaitMs: 99 }), 0)
  t.equal(startsFor({ oldestWaitMs: 100 }), 1)
})
