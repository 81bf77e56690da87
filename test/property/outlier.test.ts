import fc from 'fast-check'
import t from 'tap'
import type { OutlierDetectionPolicy } from '../../src/model/cluster.ts'
import {
  OutlierDetector,
  type EndpointOutcome,
  type OutlierSubject,
} from '../../src/resilience/outlier-detector.ts'
import { outlierSubjects } from '../unit/resilience/outlier-subjects.ts'

const kinds = ['success', 'failure', 'gateway-failure', 'local-failure'] as const

const step = fc.record({
  index: fc.nat(9),
  outcome: fc.oneof(
    { weight: 3, arbitrary: fc.constant<EndpointOutcome>('success') },
    { weight: 7, arbitrary: fc.constantFrom<EndpointOutcome>(...kinds) },
  ),
  elapsedMs: fc.integer({ min: 0, max: 200 }),
})

const policies: fc.Arbitrary<OutlierDetectionPolicy> = fc
  .record({
    consecutiveFailures: fc.integer({ min: 1, max: 6 }),
    maxEjectedRatio: fc.double({ min: 0, max: 1, noNaN: true }),
    gateway: fc.option(fc.integer({ min: 1, max: 4 })),
    local: fc.option(fc.integer({ min: 1, max: 4 })),
    successRate: fc.option(fc.record({ stdevFactor: fc.double({ min: 0, max: 2, noNaN: true }) })),
    failurePercentage: fc.option(
      fc.record({ threshold: fc.double({ min: 0.1, max: 1, noNaN: true }) }),
    ),
  })
  .map(({ gateway, local, successRate, failurePercentage, ...same }) => ({
    ...same,
    enabled: true,
    baseEjectionMs: 300,
    maxEjectionMs: 2000,
    panicRatio: 0.3,
    intervalMs: 1000,
    ...(gateway !== null && { consecutiveGatewayFailures: gateway }),
    ...(local !== null && { consecutiveLocalFailures: local }),
    ...(successRate !== null && { successRate: { ...successRate, minHosts: 2, minRequests: 3 } }),
    ...(failurePercentage !== null && {
      failurePercentage: { ...failurePercentage, minHosts: 1, minRequests: 3 },
    }),
  }))

t.test('never are more endpoints out than the ratio allows, and never all', async t => {
  let ejections = 0
  let releases = 0
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10 }),
      policies,
      fc.array(step, { maxLength: 200, size: 'max' }),
      fc.integer({ min: 1, max: 10 }),
      (count, policy, steps, later) => {
        const all = outlierSubjects(Math.max(count, later))
        let size = count
        let detector = new OutlierDetector(policy, all.slice(0, size))
        let now = 0
        for (const [number, { index, outcome, elapsedMs }] of steps.entries()) {
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
          const outBefore = detector.ejectedCount
          const ejected = detector.observe(subject, outcome, now)
          ejections += ejected
          if (detector.ejectedCount !== outBefore + ejected) return false
          if (all.some(s => s.ejected && s.ejectedUntil - now > policy.maxEjectionMs)) return false
          const out = all.slice(0, size).filter(s => s.ejected).length
          const allowed = size < 2 ? 0 : Math.max(1, policy.maxEjectedRatio * size)
          if (out > allowed || out === size) return false
          if (all.slice(0, size).some(s => s.ejected && s.ejectedUntil <= now)) return false
          if (all.some(s => s.ejected && s.onProbation)) return false
        }
        return true
      },
    ),
    { numRuns: 300 },
  )
  t.ok(ejections > 100, `${ejections} ejections were seen`)
  t.ok(releases > 100, `${releases} releases were seen`)
})

/** One endpoint as the documentation has it: all of its outcomes are kept. */
class Model {
  outcomes: EndpointOutcome[] = []
  since: EndpointOutcome[] = []
  ejectedUntil: number | undefined
  lastEjectedUntil = 0
  streak = 0
  probation = false

  row(...counted: EndpointOutcome[]): number {
    const reversed = this.outcomes.toReversed()
    const end = reversed.findIndex(outcome => !counted.includes(outcome))
    return end < 0 ? reversed.length : end
  }
}

class ModelDetector {
  readonly models: Model[]
  readonly #policy: OutlierDetectionPolicy
  #sweptAt: number | undefined
  reasons = { row: 0, sweep: 0, probation: 0 }

  constructor(policy: OutlierDetectionPolicy, count: number) {
    this.#policy = policy
    this.models = Array.from({ length: count }, () => new Model())
  }

  release(now: number): void {
    for (const model of this.models) {
      if (model.ejectedUntil === undefined || model.ejectedUntil > now) continue
      model.ejectedUntil = undefined
      model.probation = true
      model.outcomes = []
    }
  }

  observe(index: number, outcome: EndpointOutcome, now: number): void {
    const model = this.models[index]
    if (model === undefined) return
    model.outcomes.push(outcome)
    model.since.push(outcome)
    const { consecutiveFailures, consecutiveGatewayFailures, consecutiveLocalFailures } =
      this.#policy
    const never = Number.POSITIVE_INFINITY
    if (outcome === 'success') model.probation = false
    else if (
      model.probation ||
      model.row('failure', 'gateway-failure', 'local-failure') >= consecutiveFailures ||
      model.row('gateway-failure', 'local-failure') >= (consecutiveGatewayFailures ?? never) ||
      model.row('local-failure') >= (consecutiveLocalFailures ?? never)
    ) {
      const onProbation = model.probation
      if (this.#eject(model, now)) this.reasons[onProbation ? 'probation' : 'row']++
    }
    this.#sweep(now)
  }

  #sweep(now: number): void {
    const { successRate, failurePercentage, intervalMs = 10_000 } = this.#policy
    if (successRate === undefined && failurePercentage === undefined) return
    const slot = Math.floor(now / intervalMs)
    const swept = this.#sweptAt
    this.#sweptAt = slot
    if (swept === undefined || slot <= swept) return
    const judged = (minHosts: number, minRequests: number): Model[] => {
      const busy = this.models.filter(
        model => model.ejectedUntil === undefined && model.since.length >= minRequests,
      )
      return busy.length >= minHosts ? busy : []
    }
    const rate = ({ since }: Model): number =>
      1 - since.filter(outcome => outcome !== 'success').length / since.length
    const out: Model[] = []
    if (successRate !== undefined) {
      const hosts = judged(successRate.minHosts, successRate.minRequests)
      const mean = hosts.reduce((sum, host) => sum + rate(host), 0) / hosts.length
      const variance = hosts.reduce((sum, host) => sum + (rate(host) - mean) ** 2, 0) / hosts.length
      const least = mean - successRate.stdevFactor * Math.sqrt(variance)
      out.push(...hosts.filter(host => rate(host) < least))
    }
    if (failurePercentage !== undefined) {
      const { minHosts, minRequests, threshold } = failurePercentage
      const hosts = judged(minHosts, minRequests)
      out.push(...hosts.filter(host => !out.includes(host) && 1 - rate(host) >= threshold))
    }
    for (const model of out) if (this.#eject(model, now)) this.reasons.sweep++
    for (const model of this.models) model.since = []
  }

  #eject(model: Model, now: number): boolean {
    const out = this.models.filter(({ ejectedUntil }) => ejectedUntil !== undefined).length
    const count = this.models.length
    const most = Math.min(Math.max(1, Math.floor(this.#policy.maxEjectedRatio * count)), count - 1)
    if (model.ejectedUntil !== undefined || out >= most) return false
    const { baseEjectionMs, maxEjectionMs } = this.#policy
    model.streak = now - model.lastEjectedUntil > maxEjectionMs ? 1 : model.streak + 1
    model.ejectedUntil = now + Math.min(baseEjectionMs * model.streak, maxEjectionMs)
    model.lastEjectedUntil = model.ejectedUntil
    model.probation = false
    return true
  }
}

t.test('the detector has out whom its model has out, after every step', async t => {
  const reasons = { row: 0, sweep: 0, probation: 0 }
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10 }),
      policies,
      fc.array(step, { maxLength: 200, size: 'max' }),
      fc.array(fc.nat(200), { maxLength: 5 }),
      (count, policy, steps, snapshots) => {
        const subjects = outlierSubjects(count)
        const model = new ModelDetector(policy, count)
        let detector = new OutlierDetector(policy, subjects)
        let now = 0
        for (const [number, { index, outcome, elapsedMs }] of steps.entries()) {
          now += elapsedMs
          detector.release(now)
          model.release(now)
          const subject = subjects[index]
          if (subject === undefined) continue
          detector.observe(subject, outcome, now)
          model.observe(index, outcome, now)
          subjects.forEach((each, at) => compare(each, model.models[at], `step ${number}`))
          // A snapshot that changes nothing of the cluster makes a new detector all the same, just after it has looked.
          if (snapshots.includes(number)) {
            detector = new OutlierDetector(policy, subjects)
            detector.observe(subject, outcome, now)
            model.observe(index, outcome, now)
          }
        }
        for (const reason of ['row', 'sweep', 'probation'] as const)
          reasons[reason] += model.reasons[reason]
      },
    ),
    { numRuns: 500 },
  )
  for (const [reason, times] of Object.entries(reasons))
    t.ok(times > 50, `${times} were ejected by ${reason}`)
})

function compare(subject: OutlierSubject, model: Model | undefined, at: string): void {
  const expected = model?.ejectedUntil
  const actual = subject.ejected ? subject.ejectedUntil : undefined
  if (actual !== expected) throw new Error(`${at}: out until ${actual}, expected ${expected}`)
  if (subject.onProbation !== model?.probation)
    throw new Error(`${at}: on probation ${subject.onProbation}, expected ${model?.probation}`)
}
