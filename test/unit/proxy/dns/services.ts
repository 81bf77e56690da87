import type { Service } from '../../../../src/model/service.ts'
import { ServiceAddresses } from '../../../../src/proxy/dns/service-addresses.ts'

/** One port of a Service of the namespace `default`, as callers there see it. */
export function serviceOf(name: string, port: number): Service {
  const qualified = `${name}.default`
  return {
    name: `${qualified}:${port}`,
    hosts: [name, qualified, `${qualified}.svc`, `${qualified}.svc.cluster.local`],
    port,
    routes: [],
  }
}

/** Two qualified names, in their order, that would have the same address. */
export function meetingNames(): [string, string] {
  const names = new Map<string, string>()
  for (let count = 1_000_000; ; count++) {
    const name = `s${count}.default`
    const address = new ServiceAddresses().assign(name) ?? ''
    const other = names.get(address)
    if (other !== undefined) return [other, name]
    names.set(address, name)
  }
}
