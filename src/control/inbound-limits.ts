import type { AdaptiveConcurrencyPolicy } from '../model/adaptive-concurrency.ts'
import type { Endpoint } from '../model/endpoint.ts'

/** What limits calls of the ports of one workload's application, by their numbers. */
type PortLimits = Readonly<Record<string, AdaptiveConcurrencyPolicy>>

interface LimitedService {
  readonly namespace: string
  readonly inboundLimit: AdaptiveConcurrencyPolicy | undefined
  readonly endpoints: readonly Endpoint[]
}

/** By `<namespace>/<workload>`: the limits that sidecars hold for their own applications. */
export function inboundLimits(services: Iterable<LimitedService>): ReadonlyMap<string, PortLimits> {
  const limits = new Map<string, Record<string, AdaptiveConcurrencyPolicy>>()
  for (const { namespace, inboundLimit, endpoints } of services) {
    if (inboundLimit === undefined) continue
    for (const { workload, port, mesh } of endpoints) {
      if (mesh === undefined) continue
      const key = `${namespace}/${workload}`
      limits.set(key, { ...limits.get(key), [port]: inboundLimit })
    }
  }
  return limits
}
