// What becomes of the user's own services.
import { fieldsOf } from '../../base/fields.ts'
import { type Fields } from './file/compose-file.ts'
import { resolvConf } from './plan/obstacles.ts'
import type { Injected, Plan } from './plan/plan.ts'
import { dependencies, isWeftLabel, labelsOf, strings, textOf } from './plan/service-fields.ts'

/** Beside the compose file; names the sidecar as the resolver of its application. */
export const resolverFile = 'weft.resolv.conf'

/**
 * What belongs to a network namespace, which is the sidecar's: the engine refuses it for a container that joins that of
 * another. With each, a value that says nothing, for where an alias brings one in.
 */
export const networkFields: Readonly<Record<string, unknown>> = {
  ports: [],
  expose: [],
  networks: {},
  extra_hosts: [],
  dns: [],
  dns_search: [],
  dns_opt: [],
  mac_address: '',
  links: [],
  external_links: [],
}

/** The same of what the sidecar must not have either: its host name tells the control plane which container it is. */
export const droppedFields: Readonly<Record<string, unknown>> = { hostname: '', domainname: '' }

/** The service as it is to be, under its new name where it is injected. */
export function applicationOf(name: string, value: Fields, plan: Plan): Fields {
  const renamed = withReferences(value, plan)
  const injected = plan.injected.get(name)
  return injected === undefined ? renamed : besideSidecar(renamed, injected)
}

function besideSidecar(value: Fields, { service, mode, init }: Injected): Fields {
  const moved = { ...networkFields, ...droppedFields }
  const {
    labels,
    sysctls,
    volumes,
    depends_on: others,
    ...rest
  } = Object.fromEntries(Object.entries(value).filter(([key]) => !(key in moved)))
  const ownLabels = withoutWeft(labels)
  const ownSysctls = sysctlsOf(sysctls, false)
  return {
    ...rest,
    ...(ownLabels !== undefined && { labels: ownLabels }),
    ...(ownSysctls !== undefined && { sysctls: ownSysctls }),
    ...(mode === 'dns'
      ? { volumes: [resolverMount, ...(Array.isArray(volumes) ? (volumes as unknown[]) : [])] }
      : volumes !== undefined && { volumes }),
    network_mode: `service:${service.name}`,
    depends_on: {
      [service.name]: { condition: 'service_healthy', restart: true },
      ...(mode === 'transparent' && { [init]: { condition: 'service_completed_successfully' } }),
      ...dependencies(others),
    },
  }
}

/** Missing, the file would become a folder, and the error say nothing. */
export const resolverMount = {
  type: 'bind',
  source: `./${resolverFile}`,
  target: resolvConf,
  read_only: true,
  bind: { create_host_path: false },
}

/** Undefined: nothing is left, or there was nothing. */
function withoutWeft(labels: unknown): unknown {
  const isForeign = (name: string): boolean => !isWeftLabel(name)
  if (Array.isArray(labels)) {
    const rest = strings(labels).filter(text => isForeign(text.split('=')[0] ?? ''))
    if (rest.length === labels.length) return labels
    return rest.length === 0 ? undefined : rest
  }
  const rest = Object.entries(fieldsOf(labels)).filter(([name]) => isForeign(name))
  if (rest.length === Object.keys(fieldsOf(labels)).length) return labels
  return rest.length === 0 ? undefined : Object.fromEntries(rest)
}

/** Those of the network namespace, or all others; undefined: none. */
export function sysctlsOf(sysctls: unknown, ofNetwork: boolean): unknown {
  const all = Object.entries(labelsOf(sysctls))
  const own = all.filter(([name]) => name.startsWith('net.') === ofNetwork)
  if (own.length === 0) return undefined
  return own.length === all.length ? sysctls : Object.fromEntries(own)
}

/** Who means the container of an application, and not its address, means it by its new name. */
function withReferences(value: Fields, { injected }: Plan): Fields {
  const rename = (name: string): string => injected.get(name)?.application ?? name
  const { depends_on: others, volumes_from: lenders, ipc, pid, ...rest } = value
  const joined = (field: unknown): unknown =>
    typeof field === 'string'
      ? field.replace(/^service:(.+)$/, (_, name: string) => `service:${rename(name)}`)
      : field
  return {
    ...rest,
    ...(others !== undefined && { depends_on: renamedDependencies(others, rename) }),
    ...(lenders !== undefined && {
      volumes_from: Array.isArray(lenders)
        ? lenders.map(text => textOf(text).replace(/^(?!container:)[^:]+/, rename))
        : lenders,
    }),
    ...(ipc !== undefined && { ipc: joined(ipc) }),
    ...(pid !== undefined && { pid: joined(pid) }),
  }
}

function renamedDependencies(others: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(others)) return strings(others).map(rename)
  return Object.fromEntries(
    Object.entries(fieldsOf(others)).map(([name, how]) => [rename(name), how]),
  )
}
