// What is added to a compose file; docker-compose.yml at the top of this repository is written in the same way.
import { sysctlsOf, networkFields } from './application-service.ts'
import type { Fields } from './file/compose-file.ts'
import type { InjectOptions } from './plan/inject-options.ts'
import type { Injected, Plan } from './plan/plan.ts'
import { networkNames, networksOf, sidecarLabels, strings } from './plan/service-fields.ts'
import { yamlLines } from './file/yaml-lines.ts'

export const controlService = 'weft-control'
export const volumeNames = ['weft-control', 'weft-trust'] as const
export const anchors = ['weft-common', 'weft-sidecar'] as const
const [common, sidecar] = anchors
const trustFolder = '/var/run/weft/trust'
const stateFolder = '/var/lib/weft'

const health = {
  interval: '5s',
  timeout: '3s',
  start_period: '30s',
  start_interval: '500ms',
  retries: 3,
}

/** What sidecars have in common, under anchors. */
export function sharedLines({ image }: InjectOptions, indent: number): readonly string[] {
  const margin = ' '.repeat(indent)
  return [
    `${margin}x-${common}: &${common}`,
    ...yamlLines(
      {
        image,
        user: '1337:1337',
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        restart: 'unless-stopped',
        stop_grace_period: '40s',
      },
      indent + 2,
    ),
    `${margin}x-${sidecar}: &${sidecar}`,
    `${margin}  <<: *${common}`,
    ...yamlLines(
      {
        depends_on: { [controlService]: { condition: 'service_healthy' } },
        tmpfs: [`${stateFolder}:uid=1337,gid=1337,mode=0700`],
        volumes: [`weft-trust:${trustFolder}:ro`],
        healthcheck: { test: ['CMD', 'weft', 'ready'], ...health },
      },
      indent + 2,
    ),
  ]
}

/** The only one that sees the engine. */
export function controlLines({ network }: Plan, { socket }: InjectOptions, indent: number) {
  const margin = ' '.repeat(indent)
  return [
    `${margin}${controlService}:`,
    `${margin}  <<: *${common}`,
    ...yamlLines(
      {
        command: [
          'control',
          '--docker',
          `--state-directory=${stateFolder}`,
          `--trust-bundle=${trustFolder}/trust-bundle.pem`,
        ],
        group_add: ['${DOCKER_GID:-0}'],
        volumes: [
          `${socket}:/var/run/docker.sock:ro`,
          `weft-control:${stateFolder}`,
          `weft-trust:${trustFolder}`,
        ],
        networks: [network],
        healthcheck: {
          test: ['CMD', 'weft', 'ready', '--url=http://127.0.0.1:15014/status'],
          ...health,
        },
      },
      indent + 2,
    ),
  ]
}

/** Says the lines of a field of the user's service as they stand; undefined: it has none of its own there. */
export type Verbatim = (field: string) => readonly string[] | undefined

export interface Place {
  /** Of the names of services. */
  readonly indent: number
  /** Of the user's fields, which the sidecar's stand in line with. */
  readonly fieldIndent: number
}

/** The sidecar, and in transparent mode the container that captures traffic for it. */
export function sidecarLines(
  injected: Injected,
  plan: Plan,
  place: Place & { verbatim: Verbatim },
) {
  const { service, mode } = injected
  const { indent, fieldIndent, verbatim } = place
  const [margin, inner] = [' '.repeat(indent), ' '.repeat(fieldIndent)]
  const { profiles } = service.value
  return [
    `${margin}${service.name}:`,
    `${inner}<<: *${sidecar}`,
    ...yamlLines(
      {
        environment: environmentOf(injected),
        labels: sidecarLabels(service.name, injected.labels, injected),
        ...(profiles !== undefined && { profiles }),
      },
      fieldIndent,
    ),
    ...Object.entries(networkPart(injected, plan)).flatMap(([field, value]) =>
      value === service.value[field]
        ? (verbatim(field) ?? yamlLines({ [field]: value }, fieldIndent))
        : yamlLines({ [field]: value }, fieldIndent),
    ),
    ...(mode === 'transparent' ? initLines(injected, place) : []),
  ]
}

function environmentOf({ service, labels, ports, mode }: Injected): Fields {
  const { 'weft.namespace': namespace, 'weft.service': name = service.name } = labels
  const targets = [...new Set(ports.map(({ target }) => target.text))]
  return {
    WEFT_JOIN: 'container',
    ...(namespace !== undefined && { WEFT_NAMESPACE: namespace }),
    WEFT_SERVICE_ACCOUNT: labels['weft.service-account'] ?? name,
    ...(targets.length > 0 && { WEFT_APPLICATION_PORTS: targets.join(',') }),
    ...(mode === 'dns' ? { WEFT_DNS: 'on' } : { WEFT_TRANSPARENT: 'on' }),
  }
}

function initLines({ service, init }: Injected, { indent, fieldIndent }: Place) {
  const { profiles } = service.value
  return [
    `${' '.repeat(indent)}${init}:`,
    `${' '.repeat(fieldIndent)}<<: *${common}`,
    ...yamlLines(
      {
        command: ['init', '--uid=1337'],
        user: '0:0',
        cap_add: ['NET_ADMIN', 'NET_RAW'],
        tmpfs: ['/run'],
        restart: 'no',
        network_mode: `service:${service.name}`,
        healthcheck: { disable: true },
        depends_on: { [service.name]: { condition: 'service_started', restart: true } },
        ...(profiles !== undefined && { profiles }),
      },
      fieldIndent,
    ),
  ]
}

/** Of the user's service, what goes with its network namespace. */
function networkPart(injected: Injected, plan: Plan): Fields {
  const { value } = injected.service
  const kept = Object.keys(networkFields)
    .filter(field => value[field] !== undefined)
    .map(field => [field, value[field]])
  const sysctls = sysctlsOf(value['sysctls'], true)
  const networks = networksWithNames(injected, plan)
  const hosts = ownHosts(injected)
  return {
    ...Object.fromEntries(kept),
    ...(sysctls !== undefined && { sysctls }),
    ...(networks !== undefined && { networks }),
    ...(hosts !== undefined && { extra_hosts: hosts }),
  }
}

/** Others may know it by its host name or the name of its container, and those are the application's. */
function networksWithNames({ service }: Injected, plan: Plan): Fields | undefined {
  const { hostname, container_name: container, networks } = service.value
  const names = [hostname, container].filter(
    (name): name is string => typeof name === 'string' && name !== '' && name !== service.name,
  )
  if (names.length === 0 && !plan.isNetworkNew) return networks as Fields | undefined
  const written = networksOf(networks)
  const own = Object.fromEntries(
    networkNames(service.value).map(name => {
      const fields = written[name] ?? {}
      const aliases = [...new Set([...strings(fields['aliases']), ...names])]
      return [name, aliases.length === 0 ? fields : { ...fields, aliases }]
    }),
  )
  return plan.isNetworkNew ? { ...own, [plan.network]: {} } : own
}

/** Its own ports have no address of DNS mode, since it listens there itself: its name leads back to it. */
function ownHosts({ service, mode, ports }: Injected): unknown {
  const { extra_hosts: written } = service.value
  const isSame = ports.length > 0 && ports.every(({ port, target }) => port.text === target.text)
  if (mode !== 'dns' || !isSame) return written
  if (Array.isArray(written)) {
    const isThere = strings(written).some(text => /^([^:=]+)/.exec(text)?.[1] === service.name)
    return isThere ? written : [...(written as unknown[]), `${service.name}:127.0.0.1`]
  }
  if (written !== undefined && written !== null)
    return { [service.name]: '127.0.0.1', ...(written as Fields) }
  return [`${service.name}:127.0.0.1`]
}
