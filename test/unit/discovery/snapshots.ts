import { snapshotVersion } from '../../../src/model/snapshot-version.ts'
import type { Snapshot } from '../../../src/model/snapshot.ts'
import { clusterPolicy, endpointAt } from '../../support/policies.ts'

/** A consistent snapshot under its own version: these services, each with its own cluster, and their ports. */
export function snapshotOf(ports: Readonly<Record<string, readonly number[]>>): Snapshot {
  const names = Object.keys(ports).map(name => `${name}.default:80`)
  const retry = { attempts: 2, statuses: [503], backoffMs: 25 }
  const content = {
    services: Object.fromEntries(
      names.map(name => {
        const routes = [{ name, matches: [], backends: [{ cluster: name, weight: 1 }], retry }]
        return [name, { name, hosts: [name], port: 80, routes }]
      }),
    ),
    clusters: Object.fromEntries(names.map(name => [name, clusterPolicy({ name })])),
    endpoints: Object.fromEntries(
      Object.values(ports).map((list, index) => [
        names[index] ?? '',
        list.map(port => endpointAt(port)),
      ]),
    ),
    inbound: { mtls: 'strict' as const },
    outbound: { trafficPolicy: 'allowAny' as const },
  }
  return { version: snapshotVersion(content), ...content }
}
