import type { Configuration } from '../../../model/configuration.ts'
import type { Registration } from '../../../model/registration.ts'

/**
 * The zones of workloads by `<namespace>/<name>`: what their sidecars say, else their Workload, else the slices, where
 * Kubernetes notes the zone of a pod's node.
 */
export function zonesOf(
  { workloads, endpointSlices }: Pick<Configuration, 'workloads' | 'endpointSlices'>,
  registrations: readonly Registration[],
): ReadonlyMap<string, string> {
  const declared = new Map(
    workloads.map(({ metadata, spec }) => [`${metadata.namespace}/${metadata.name}`, spec.zone]),
  )
  const byAddress = new Map(
    endpointSlices.flatMap(({ endpoints }) =>
      endpoints.flatMap(({ addresses, zone }) =>
        addresses.map(address => [address, zone] as const),
      ),
    ),
  )
  const zones = new Map<string, string>()
  for (const { namespace, name, zone: own, address } of registrations) {
    const key = `${namespace}/${name}`
    const zone = own ?? declared.get(key) ?? byAddress.get(address)
    if (zone !== undefined) zones.set(key, zone)
  }
  return zones
}
