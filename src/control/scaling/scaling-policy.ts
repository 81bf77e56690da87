import { autoscalePolicy, type AutoscalePolicy } from '../../functions/scaling/autoscaler.ts'
import { windowBuckets } from '../../functions/scaling/load-window.ts'
import type { FunctionResource } from '../../model/kinds/function/function.ts'

/** How many hosts a function is to have: between none and {@link maxHosts}, by the instances that its load asks for. */
export interface ScalingPolicy {
  readonly maxHosts: number
  readonly instancesPerHost: number
  /** Invocations at once in one instance. */
  readonly concurrency: number
  readonly autoscale: AutoscalePolicy
}

/** Whether the control plane starts it, if it has the driver. Others have a sidecar that runs all the time. */
export function isScaledHere({ spec }: FunctionResource): boolean {
  return spec.scale.zero === 'gone'
}

export function scalingPolicyOf(
  { spec }: FunctionResource,
  instancesPerHost: number,
): ScalingPolicy {
  const { concurrency, scale } = spec
  const { min, max, target, keepAlive } = scale
  const autoscale = autoscalePolicy({ concurrency, min, max })
  return {
    maxHosts: hostsOf(max, instancesPerHost),
    instancesPerHost,
    concurrency,
    autoscale: {
      ...autoscale,
      targetPerInstance: concurrency * target,
      ...idleWindows(keepAlive, autoscale),
    },
  }
}

export function hostsOf(instances: number, instancesPerHost: number): number {
  return instances === 0 ? 0 : Math.max(1, Math.ceil(instances / instancesPerHost))
}

type Windows = Pick<AutoscalePolicy, 'stableWindowMs' | 'panicWindowMs' | 'scaleToZeroGraceMs'>

/** The last host stays for the stable window and a grace: as long as the function's instances are to be kept. */
function idleWindows(keepAliveMs: number | 'auto', given: AutoscalePolicy): Windows {
  const { stableWindowMs, panicWindowMs, scaleToZeroGraceMs } = given
  if (keepAliveMs === 'auto') return { stableWindowMs, panicWindowMs, scaleToZeroGraceMs }
  const wantedMs = Math.min(stableWindowMs, Math.max(leastWindowMs, keepAliveMs))
  // Whole milliseconds a bucket: fractions would not add up to the window again.
  const stableMs = windowBuckets * Math.ceil(wantedMs / windowBuckets)
  return {
    stableWindowMs: stableMs,
    panicWindowMs: Math.min(panicWindowMs, stableMs),
    scaleToZeroGraceMs: Math.max(0, keepAliveMs - stableMs),
  }
}

/** What hosts report is a mean over as much. */
const leastWindowMs = 1000
