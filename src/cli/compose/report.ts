import type { Injected, Plan } from './plan/plan.ts'
import { textOf } from './plan/service-fields.ts'

/** What became of each service, a line for each, and what its owner has to know. */
export function reportLines(plan: Plan): readonly string[] {
  const { injected, skipped, isNetworkNew, network } = plan
  return [
    ...[...injected.values()].map(injectedLine),
    ...skipped.map(({ service, reason }) => `${service.name} skipped: ${reason}`),
    ...[...injected.values()].flatMap(notesOn),
    ...([...injected.values()].some(({ mode }) => mode === 'transparent') ? [captured] : []),
    ...(isNetworkNew
      ? [`network ${network} added: the services that were injected had none in common`]
      : []),
  ]
}

const captured =
  'transparent mode: what is HTTP goes through the mesh by its Host, all else where it would go without'

function injectedLine({ service, ports, protocol, mode, application }: Injected): string {
  const numbers = ports.map(({ port, target }) =>
    port.text === target.text ? port.text : `${port.text} (${target.text})`,
  )
  const what =
    numbers.length === 0
      ? 'no port, it only calls others'
      : `port ${numbers.join(', ')}${protocol === undefined ? '' : ` ${protocol}`}`
  const how = mode === 'dns' ? 'DNS mode' : 'transparent mode'
  return `${service.name} injected: ${what}; ${how}; its application is ${application}`
}

function notesOn({ service, mode }: Injected): readonly string[] {
  const { hostname, domainname, dns_search: search } = service.value
  const { name } = service
  return [
    ...(hostname === undefined
      ? []
      : [
          `${name}: the host name ${textOf(hostname)} is an alias now; in the container it is another`,
        ]),
    ...(domainname === undefined
      ? []
      : [`${name}: domainname is left out, as it is the sidecar's`]),
    ...(mode === 'dns' && search !== undefined
      ? [`${name}: in DNS mode its application does not see dns_search`]
      : []),
  ]
}
