import t from 'tap'
import {
  hostsOf,
  isScaledHere,
  scalingPolicyOf,
} from '../../../../src/control/scaling/scaling-policy.ts'
import { windowBuckets } from '../../../../src/functions/scaling/load-window.ts'
import { configurationIn } from '../../model/configurations.ts'

function functionOf(scale: string) {
  const [resource] = configurationIn(`
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: echo }
spec: { command: [run], code: /code, concurrency: 10, scale: ${scale} }
`).functions
  if (resource === undefined) throw new Error('there is one')
  return resource
}

t.test('only what may be gone is started here', async t => {
  t.equal(isScaledHere(functionOf('{ zero: gone }')), true)
  t.equal(isScaledHere(functionOf('{ zero: stopped }')), false)
})

t.test('so many hosts that all instances have a place', async t => {
  t.strictSame(
    [0, 1, 4, 5].map(instances => hostsOf(instances, 4)),
    [0, 1, 1, 2],
  )
  t.equal(hostsOf(1000, Number.POSITIVE_INFINITY), 1)
  t.equal(scalingPolicyOf(functionOf('{ zero: gone, max: 9 }'), 4).maxHosts, 3)
})

t.test('the target is a share of what an instance can do at once', async t => {
  const { autoscale } = scalingPolicyOf(functionOf('{ zero: gone, target: 0.5 }'), 1)
  t.equal(autoscale.targetPerInstance, 5)
})

t.test('the last one stays for as long as instances are kept', async t => {
  const windows = (keepAlive: string): number[] => {
    const { autoscale } = scalingPolicyOf(functionOf(`{ zero: gone, keepAlive: ${keepAlive} }`), 1)
    const { stableWindowMs, panicWindowMs, scaleToZeroGraceMs } = autoscale
    t.equal((stableWindowMs / windowBuckets) * windowBuckets, stableWindowMs)
    t.equal(Number.isInteger(stableWindowMs / windowBuckets), true)
    return [stableWindowMs, panicWindowMs, scaleToZeroGraceMs]
  }
  t.strictSame(windows('5m'), [60_000, 6000, 240_000])
  t.strictSame(windows('30s'), [30_000, 6000, 0])
  t.strictSame(windows('10ms'), [1020, 1020, 0])
  t.strictSame(windows('auto'), [60_000, 6000, 30_000])
})
