import type { Estimate } from './backend-stats.ts'
import type { BackendPrice, CostPolicy } from '../../model/function/function-placement.ts'

/** A score and what it is made of; less is better. */
export interface Score {
  /** USD per million calls, as expected. */
  readonly costPerMillion: number
  readonly costTerm: number
  readonly latencyTerm: number
  readonly errorTerm: number
  readonly total: number
}

const gigabyte = 1e9
const mebibytesPerGb = 1024
const million = 1e6

/** Where nothing is known of a latency, it is taken to be just as wanted: worth a try, and no more. */
export function scoreOf(
  policy: CostPolicy,
  estimate: Estimate,
  price: BackendPrice | undefined,
): Score {
  const { weights, latencySloMs } = policy
  const costPerMillion = price === undefined ? 0 : costOf(price, estimate, latencySloMs)
  const costTerm = weights.cost * costPerMillion
  const latencyTerm = weights.latency * ((estimate.p95Ms ?? latencySloMs) / latencySloMs)
  const errorTerm = weights.errors * estimate.errorRate
  const total = costTerm + latencyTerm + errorTerm
  return { costPerMillion, costTerm, latencyTerm, errorTerm, total }
}

/** Paid time is taken to be what is seen from here, which has the way there in it. */
function costOf(price: BackendPrice, estimate: Estimate, assumedMs: number): number {
  const { granularityMs } = price
  const ms = estimate.meanMs ?? assumedMs
  const billedSeconds = (Math.max(1, Math.ceil(ms / granularityMs)) * granularityMs) / 1000
  const perSecond =
    (price.memoryMib / mebibytesPerGb) * price.perGbSecond + price.vcpus * price.perVcpuSecond
  const egress = ((estimate.meanBytes ?? 0) / gigabyte) * price.egressPerGb
  return price.perMillionCalls + million * (billedSeconds * perSecond + egress)
}
