import t, { type Test } from 'tap'
import { scoreOf } from '../../../../src/functions/placement/score.ts'
import type { BackendPrice, CostPolicy } from '../../../../src/model/function/function-placement.ts'

const policy: CostPolicy = {
  kind: 'cost',
  weights: { cost: 1, latency: 10, errors: 100 },
  latencySloMs: 200,
  exploration: 0,
  switchMargin: 0.1,
  switchAfterMs: 1000,
}
const lambda: BackendPrice = {
  perMillionCalls: 0.2,
  perGbSecond: 0.0000166667,
  perVcpuSecond: 0,
  vcpus: 0,
  memoryMib: 512,
  granularityMs: 1,
  egressPerGb: 0.09,
}
const estimate = { p95Ms: 300, meanMs: 99.2, meanBytes: 1_000_000, errorRate: 0.05, samples: 9 }

function near(t: Test, found: number | undefined, wanted: number): void {
  t.ok(Math.abs((found ?? Number.NaN) - wanted) < 1e-9, `${found} is ${wanted}`)
}

t.test('the score is the sum of what was weighted', async t => {
  const score = scoreOf(policy, estimate, lambda)
  // A million calls: the fee, half a GB for 0.1 s each, and a MB each.
  near(t, score.costPerMillion, 0.2 + 1e6 * 0.5 * 0.0000166667 * 0.1 + 1e6 * 0.001 * 0.09)
  near(t, score.costTerm, score.costPerMillion)
  near(t, score.latencyTerm, 15)
  near(t, score.errorTerm, 5)
  near(t, score.total, score.costTerm + 20)
})

t.test('what is begun is paid', async t => {
  const steps = { ...lambda, granularityMs: 100, egressPerGb: 0 }
  const cost = (meanMs: number) => scoreOf(policy, { ...estimate, meanMs }, steps).costPerMillion
  near(t, cost(1), cost(100))
  near(t, cost(101), cost(200))
  t.ok(cost(101) > cost(100))
  t.ok(cost(0) > 0.2)
})

t.test('processors are paid by the second too', async t => {
  const run = {
    ...lambda,
    perMillionCalls: 0,
    perGbSecond: 0,
    egressPerGb: 0,
    perVcpuSecond: 0.000024,
    vcpus: 2,
  }
  near(t, scoreOf(policy, { ...estimate, meanMs: 500 }, run).costPerMillion, 24)
})

t.test('what is not known is taken to be just good enough', async t => {
  const unknown = {
    p95Ms: undefined,
    meanMs: undefined,
    meanBytes: undefined,
    errorRate: 0,
    samples: 0,
  }
  t.match(scoreOf(policy, unknown, undefined), {
    costPerMillion: 0,
    latencyTerm: 10,
    errorTerm: 0,
    total: 10,
  })
})
