import { functionDomain } from '../../function/function.ts'
import { serviceHosts } from '../../kinds/service.ts'
import type { ServiceEntryResource } from '../../kinds/service-entry.ts'
import type { Report } from '../references.ts'
import type { Sourced } from '../validate.ts'
import { ofKind, titleOf } from './resources.ts'

/** Hosts that lead elsewhere than the entry says, and TLS where it is hardly spoken. */
export function checkEntryHosts(sources: readonly Sourced[], report: Report): void {
  const owners = new Map<string, Sourced>()
  for (const source of ofKind(sources, 'Service')) {
    for (const host of serviceHosts(source.resource.metadata)) owners.set(host, source)
  }
  for (const source of ofKind(sources, 'ServiceEntry')) {
    for (const [index, host] of source.resource.spec.hosts.entries()) {
      const owner = owners.get(host)
      const path = ['spec', 'hosts', index]
      if (owner !== undefined)
        report(
          source,
          path,
          `${host} is a name of ${titleOf(owner)}, which holds: call this otherwise`,
        )
      else if (host.endsWith(`.${functionDomain}`))
        report(source, path, `${host} is kept for functions; call this otherwise`)
    }
    checkTlsPorts(source, report)
  }
}

function checkTlsPorts(source: Sourced<ServiceEntryResource>, report: Report): void {
  const { ports, tls, endpoints } = source.resource.spec
  if (tls === undefined || tls.mode === 'none') return
  // Whoever writes a port for each endpoint has thought of it.
  if (endpoints.length > 0 && endpoints.every(({ port }) => port !== undefined)) return
  for (const [index, { number, protocol, targetPort }] of ports.entries())
    if (number === 80 && targetPort === undefined && protocol !== 'tls')
      report(
        source,
        ['spec', 'ports', index],
        'TLS would be spoken to port 80, which is that of plain HTTP: give targetPort, such as 443',
      )
}
