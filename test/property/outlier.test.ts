import fc from 'fast-check'
import t from 'tap'
import { OutlierDetector } from '../../src/resilience/outlier-detector.ts'

const step = fc.record({
  index: fc.nat(9),
  failed: fc.nat(9).map(die => die > 2),
  elapsedMs: fc.integer({ min: 0, max: 200 }),
})

t.test('never are more endpoints out than the ratio allows, and never all', async t => {
  let ejections = 0
  let releases = 0
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.array(step, { maxLength: 200, size: 'max' }),
      fc.integer({ min: 1, max: 10 }),
      (count, maxEjectedRatio, steps, later) => {
        const policy = {
          enabled: true,
          consecutiveFailures: 2,
          baseEjectionMs: 300,
          maxEjectionMs: 2000,
          maxEjectedRatio,
          panicRatio: 0.3,
        }
        const all = Array.from({ length: Math.max(count, later) }, () => ({
          ejected: false,
          ejectedUntil: 0,
          ejectionStreak: 0,
          consecutiveFailures: 0,
        }))
        let size = count
        let detector = new OutlierDetector(policy, all.slice(0, size))
        let now = 0
        for (const [number, { index, failed, elapsedMs }] of steps.entries()) {
          now += elapsedMs
          const before = detector.ejectedCount
          detector.release(now)
          releases += before - detector.ejectedCount
          // Half way a snapshot brings more or fewer endpoints.
          if (number === Math.floor(steps.length / 2)) {
            size = later
            detector = new OutlierDetector(policy, all.slice(0, size))
          }
          const subject = all[index]
          if (subject === undefined) continue
          if (detector.observe(subject, failed, now) === 'ejected') {
            ejections++
            if (subject.ejectedUntil - now > policy.maxEjectionMs) return false
          }
          const out = all.slice(0, size).filter(({ ejected }) => ejected).length
          const allowed = size < 2 ? 0 : Math.max(1, maxEjectedRatio * size)
          if (out > allowed || out === size) return false
          if (all.slice(0, size).some(s => s.ejected && s.ejectedUntil <= now && s !== subject))
            return false
        }
        return true
      },
    ),
    { numRuns: 300 },
  )
  t.ok(ejections > 100, `${ejections} ejections were seen`)
  t.ok(releases > 100, `${releases} releases were seen`)
})
