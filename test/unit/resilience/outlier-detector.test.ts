import t from 'tap'
import type { OutlierDetectionPolicy } from '../../../src/model/cluster.ts'
import { OutlierDetector, type OutlierSubject } from '../../../src/resilience/outlier-detector.ts'

const policy: OutlierDetectionPolicy = {
  enabled: true,
  consecutiveFailures: 3,
  baseEjectionMs: 1000,
  maxEjectionMs: 2500,
  maxEjectedRatio: 0.5,
  panicRatio: 0.3,
}

function subjects(count: number): OutlierSubject[] {
  return Array.from({ length: count }, () => ({
    ejected: false,
    ejectedUntil: 0,
    ejectionStreak: 0,
    consecutiveFailures: 0,
  }))
}

/** The first subject of `count`, and its detector. */
function detectorOf(count: number, changes: Partial<OutlierDetectionPolicy> = {}) {
  const all = subjects(count)
  const [subject] = all
  if (subject === undefined) throw new Error('there must be one')
  return { all, subject, detector: new OutlierDetector({ ...policy, ...changes }, all) }
}

function fail(detector: OutlierDetector, subject: OutlierSubject, now: number, times = 3) {
  return Array.from({ length: times }, () => detector.observe(subject, true, now))
}

t.test('failures in a row eject, the last of them tells', async t => {
  const { detector, subject } = detectorOf(4)
  t.strictSame(fail(detector, subject, 0), [undefined, undefined, 'ejected'])
  t.equal(subject.ejected, true)
  t.equal(detector.ejectedCount, 1)
})

t.test('a success in between starts the row again', async t => {
  const { detector, subject } = detectorOf(4)
  fail(detector, subject, 0, 2)
  detector.observe(subject, false, 0)
  t.strictSame(fail(detector, subject, 0, 2), [undefined, undefined])
  t.equal(subject.ejected, false)
})

t.test('an ejection ends with its time and the row starts again', async t => {
  const { detector, subject } = detectorOf(4)
  fail(detector, subject, 0)
  detector.release(999)
  t.equal(subject.ejected, true)
  detector.release(1000)
  t.equal(subject.ejected, false)
  t.equal(detector.observe(subject, true, 1000), undefined)
})

t.test('late failures of an ejected endpoint do not make it longer', async t => {
  const { detector, subject } = detectorOf(4)
  fail(detector, subject, 0)
  t.strictSame(fail(detector, subject, 500), [undefined, undefined, undefined])
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
  if (second) t.equal(detector.observe(second, true, 1000), 'ejected')
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
  const [gone] = subjects(1)
  if (gone) t.strictSame(fail(detector, gone, 0), [undefined, undefined, undefined])
  t.equal(gone?.ejected, false)
})
