import type { MeshPlan } from './plan.ts'
import type { AddressBook } from './traffic-view.ts'

/** Whose the addresses of a plan are, for people who read of requests between them. */
export function addressBookOf({ workloads }: MeshPlan): AddressBook {
  const services = new Map<string, string>()
  const names = new Map<string, string>()
  for (const { name, sidecar, application } of workloads) {
    for (const port of application?.ports ?? []) names.set(`${application?.host}:${port}`, name)
    if (sidecar === undefined) continue
    const { advertise, inbound, upstreams } = sidecar.bootstrap
    names.set(`${advertise}:${inbound.port}`, name)
    for (const { host, port, service } of upstreams) services.set(`${host}:${port}`, service)
  }
  return { services, workloads: names }
}
