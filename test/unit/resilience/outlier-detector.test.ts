import t from 'tap'
import type { OutlierDetectionPolicy } from '../../../src/model/cluster.ts'
import {
  leastSuccessRate,
  OutlierDetector,
  outcomeOfStatus,
  type EndpointOutcome,
  type OutlierSubject,
} from '../../../src/resilience/outlier-detector.ts'
import { outlierSubjects } from './outlier-subjects.ts'

const policy: OutlierDetectionPolicy = {
  enabled: true,
  consecutiveFailures: 3,
  baseEjectionMs: 1000,
  maxEjectionMs: 2500,
  maxEjectedRatio: 0.5,
  panicRatio: 0.3,
}

/** The first subject of `count`, and its detector. */
function detectorOf(count: number, changes: Partial<OutlierDetectionPolicy> = {}) {
  const all = outlierSubjects(count)
  const [subject] = all
  if (subject === undefined) throw new Error('there must be one')
  return { all, subject, detector: new OutlierDetector({ ...policy, ...changes }, all) }
}

function fail(detector: OutlierDetector, subject: OutlierSubject, now: number, times = 3) {
  return Array.from({ length: times }, () => detector.observe(subject, 'failure', now))
}

t.test('failures in a row eject, the last of them tells', async t => {
  const { detector, subject } = detectorOf(4)
  t.strictSame(fail(detector, subject, 0), [0, 0, 1])
  t.equal(subject.ejected, true)
  t.equal(detector.ejectedCount, 1)
})

t.test('a success in between starts the row again', async t => {
  const { detector, subject } = detectorOf(4)
  fail(detector, subject, 0, 2)
  detector.observe(subject, 'success', 0)
  t.strictSame(fail(detector, subject, 0, 2), [0, 0])
  t.equal(subject.ejected, false)
})

t.test('an ejection ends with its time and the row starts again', async t => {
  const { detector, subject } = detectorOf(4)
  fail(detector, subject, 0)
  detector.release(999)
  t.equal(subject.ejected, true)
  detector.release(1000)
  t.equal(subject.ejected, false)
  detector.observe(subject, 'success', 1000)
  t.equal(detector.observe(subject, 'failure', 1000), 0)
})

t.test('late failures of an ejected endpoint do not make it longer', async t => {
  const { detector, subject } = detectorOf(4)
  fail(detector, subject, 0)
  t.strictSame(fail(detector, subject, 500), [0, 0, 0])
  t.equal(subject.ejectedUntil, 1000)
})

t.test('repeated ejections grow longer up to the maximum', async t => {
  const { detector, subject } = detectorOf(4)
  const lengths: number[] = []
  let now = 0
  for (let i = 0; i < 4; i++) {
    fail(detector, subject, now)
    lengths.push(subject.ejectedUntil - now)
    now = subject.ejectedUntil
    detector.release(now)
  }
  t.strictSame(lengths, [1000, 2000, 2500, 2500])
})

t.test('a long good time makes the next ejection short again', async t => {
  const { detector, subject } = detectorOf(4)
  fail(detector, subject, 0)
  detector.release(1000)
  fail(detector, subject, 3501)
  t.equal(subject.ejectedUntil, 4501)
})

t.test('the only endpoint is never ejected', async t => {
  const { detector, subject } = detectorOf(1, { maxEjectedRatio: 1 })
  fail(detector, subject, 0, 10)
  t.equal(subject.ejected, false)
})

t.test('of two endpoints one may be out, whatever the ratio', async t => {
  for (const maxEjectedRatio of [0, 1]) {
    const { all, detector } = detectorOf(2, { maxEjectedRatio })
    for (const subject of all) fail(detector, subject, 0)
    t.strictSame(
      all.map(subject => subject.ejected),
      [true, false],
    )
  }
})

t.test('an endpoint held by the ratio goes out when room comes free', async t => {
  const { all, detector } = detectorOf(2)
  for (const subject of all) fail(detector, subject, 0)
  detector.release(1000)
  const second = all[1]
  t.ok(second)
  if (second) t.equal(detector.observe(second, 'failure', 1000), 1)
})

t.test('with detection disabled nothing is ejected and what was out comes back', async t => {
  const { all, detector, subject } = detectorOf(4)
  fail(detector, subject, 0)
  const disabled = new OutlierDetector({ ...policy, enabled: false }, all)
  t.equal(subject.ejected, false)
  fail(disabled, subject, 0)
  t.equal(subject.ejected, false)
})

t.test('a new detector over fewer endpoints lets the surplus back, the next due first', async t => {
  const { all, detector } = detectorOf(4)
  const [first, second] = all
  if (first) fail(detector, first, 0)
  if (second) fail(detector, second, 500)
  const fewer = new OutlierDetector(policy, all.slice(0, 2))
  t.strictSame(
    all.slice(0, 2).map(subject => subject.ejected),
    [false, true],
  )
  fewer.release(1500)
  t.equal(second?.ejected, false, 'the new detector knows when the other is due')
})

t.test('a late failure of an endpoint that left the cluster ejects nobody', async t => {
  const { detector } = detectorOf(4)
  const [gone] = outlierSubjects(1)
  if (gone) t.strictSame(fail(detector, gone, 0), [0, 0, 0])
  t.equal(gone?.ejected, false)
})

/** So many outcomes of one endpoint. */
function note(
  detector: OutlierDetector,
  subject: OutlierSubject | undefined,
  outcomes: Partial<Record<EndpointOutcome, number>>,
  now = 0,
): void {
  for (const [outcome, times = 0] of Object.entries(outcomes))
    for (let i = 0; i < times; i++)
      if (subject) detector.observe(subject, outcome as EndpointOutcome, now)
}

t.test('a status says what kind of failure it is', async t => {
  t.strictSame([200, 404, 429, 499, 500, 501, 502, 503, 504, 505, 599].map(outcomeOfStatus), [
    'success',
    'success',
    'success',
    'success',
    'failure',
    'failure',
    'gateway-failure',
    'gateway-failure',
    'gateway-failure',
    'failure',
    'failure',
  ])
})

t.test(
  'gateway failures in a row have a threshold of their own, which other failures end',
  async t => {
    const { detector, subject } = detectorOf(4, {
      consecutiveFailures: 100,
      consecutiveGatewayFailures: 3,
    })
    note(detector, subject, { 'gateway-failure': 1, 'local-failure': 1 })
    note(detector, subject, { failure: 1 })
    note(detector, subject, { 'gateway-failure': 1, 'local-failure': 1 })
    t.equal(subject.ejected, false)
    note(detector, subject, { 'gateway-failure': 1 })
    t.equal(subject.ejected, true)
  },
)

t.test('so do requests without an answer, which any answer ends', async t => {
  const { detector, subject } = detectorOf(4, {
    consecutiveFailures: 100,
    consecutiveLocalFailures: 2,
  })
  note(detector, subject, { 'local-failure': 1, 'gateway-failure': 5 })
  note(detector, subject, { 'local-failure': 1 })
  t.equal(subject.ejected, false)
  note(detector, subject, { 'local-failure': 1 })
  t.equal(subject.ejected, true)
})

t.test('back from an ejection the first failure is enough, until a request succeeds', async t => {
  const { detector, subject } = detectorOf(4)
  fail(detector, subject, 0)
  detector.release(1000)
  t.equal(subject.onProbation, true)
  t.strictSame(fail(detector, subject, 1000, 1), [1])
  t.equal(subject.ejectedUntil, 3000, 'the second lasts twice as long')
  detector.release(3000)
  detector.observe(subject, 'success', 3000)
  t.equal(subject.onProbation, false)
  t.strictSame(fail(detector, subject, 3000, 2), [0, 0])
})

const successRate = { stdevFactor: 1.9, minHosts: 5, minRequests: 100 }

t.test('the threshold of success rates is the mean less so many standard deviations', async t => {
  t.equal(leastSuccessRate([1, 1, 1], 1.9), 1)
  t.ok(Math.abs(leastSuccessRate([1, 1, 1, 1, 0.5], 1.9) - (0.9 - 1.9 * 0.2)) < 1e-9)
  t.equal(leastSuccessRate([], 1.9), Number.NEGATIVE_INFINITY)
})

t.test('who lies below it is out with the first outcome of the next interval', async t => {
  const { all, detector } = detectorOf(6, { successRate, consecutiveFailures: 1000 })
  for (const subject of all.slice(0, 5)) note(detector, subject, { success: 100 })
  note(detector, all[5], { success: 70, failure: 30 }, 9999)
  t.equal(detector.ejectedCount, 0)
  const [first] = all
  t.equal(first && detector.observe(first, 'success', 10_000), 1)
  t.equal(all[5]?.ejected, true)
})

t.test('rates of too few endpoints, or of too few requests, say nothing', async t => {
  for (const [hosts, requests] of [
    [4, 100],
    [6, 99],
  ] as const) {
    const { all, detector } = detectorOf(hosts, { successRate, consecutiveFailures: 1000 })
    for (const subject of all.slice(1)) note(detector, subject, { success: requests })
    note(detector, all[0], { failure: requests })
    note(detector, all[1], { success: 1 }, 10_000)
    t.equal(detector.ejectedCount, 0)
  }
})

t.test('who fails more than a fixed share is out, though all others do too', async t => {
  const { all, detector } = detectorOf(3, {
    failurePercentage: { threshold: 0.5, minHosts: 3, minRequests: 10 },
    consecutiveFailures: 1000,
    maxEjectedRatio: 1,
  })
  for (const subject of all) note(detector, subject, { success: 5, failure: 5 })
  note(detector, all[0], { success: 1 }, 10_000)
  t.equal(detector.ejectedCount, 2, 'one always stays')
})

t.test('a sweep looks at what came since the last one only', async t => {
  const { all, detector } = detectorOf(3, {
    failurePercentage: { threshold: 0.5, minHosts: 1, minRequests: 10 },
    consecutiveFailures: 1000,
    intervalMs: 100,
  })
  note(detector, all[0], { success: 8, failure: 8 }, 99)
  note(detector, all[1], { success: 1 }, 100)
  t.equal(all[0]?.ejected, true)
  note(detector, all[1], { failure: 9 }, 150)
  note(detector, all[2], { success: 1 }, 200)
  t.equal(all[1]?.ejected, false)
  note(detector, all[1], { failure: 9 }, 250)
  note(detector, all[2], { success: 1 }, 300)
  t.equal(all[1]?.ejected, false)
})

t.test('a new detector goes on with the interval of the one before', async t => {
  const changes = {
    failurePercentage: { threshold: 0.5, minHosts: 1, minRequests: 10 },
    consecutiveFailures: 1000,
  }
  const { all, detector } = detectorOf(3, changes)
  note(detector, all[0], { failure: 5 })
  const next = new OutlierDetector({ ...policy, ...changes }, all)
  note(next, all[0], { failure: 5 }, 9000)
  note(next, all[1], { success: 1 }, 10_000)
  t.equal(all[0]?.ejected, true)
})
