// The variables that describe a sidecar (README), and their kinds.
import type { UpstreamListener } from '../../model/bootstrap.ts'
import { nearest } from '../../model/parsing/nearest.ts'
import { parseServiceReference } from '../../model/parsing/service-reference.ts'
import {
  duration,
  either,
  integer,
  listOf,
  matching,
  oneOf,
  peer,
  place,
  port,
  resolver,
  text,
  type Variable,
} from './environment-variable.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const loopback = '127.0.0.1'
const dnsPort = 53

const urlPath = matching(/^\/[!-~]*$/, 'a path that begins with "/"')
const onOff = oneOf('on', 'off')

const upstream: Variable<UpstreamListener> = {
  expected: 'service=port',
  read: value => {
    const [, service = '', digits = ''] = /^([^=]+)=(\d+)$/.exec(value) ?? []
    const local = port.read(digits)
    if (local === undefined || parseServiceReference(service, 'default') === undefined)
      return undefined
    return { host: loopback, port: local, service }
  },
}

const applicationMetrics: Variable<{ port: number; path: string }> = {
  expected: 'port and path of the application, such as 8080/metrics',
  read: value => {
    const [, digits = '', path = '/metrics'] = /^(\d+)(\/[!-~]*)?$/.exec(value) ?? []
    const found = port.read(digits)
    return found === undefined ? undefined : { port: found, path }
  },
}

const json: Variable<unknown> = {
  expected: 'JSON',
  read: value => {
    try {
      return JSON.parse(value) as unknown
    } catch {
      return undefined
    }
  },
}

export const variables = {
  WEFT_WORKLOAD: matching(
    /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/,
    'a name of lower-case letters, digits, "-" and "."',
  ),
  WEFT_NAMESPACE: matching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a lower-case name'),
  WEFT_SERVICE_ACCOUNT: matching(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/,
    'a name of letters, digits and ".-_"',
  ),
  WEFT_ZONE: matching(/^[!-~]{1,255}$/, 'a name without spaces'),
  WEFT_CONTROL_PLANE: peer(15_012),
  WEFT_TRUST_DOMAIN: matching(
    /^[a-z0-9._-]{1,255}$/,
    'lower-case letters, digits, ".", "_" and "-"',
  ),
  WEFT_TRUST_BUNDLE: text,
  WEFT_TOKEN_FILE: text,
  WEFT_JOIN: oneOf('token', 'container'),
  WEFT_STATE: text,
  WEFT_APPLICATION_HOST: matching(/^[^\s/[\]]{1,253}$/, 'a host name or an IP address'),
  WEFT_APPLICATION_PORTS: listOf(port, 100, 'ports such as 8080,9090'),
  WEFT_APPLICATION_HEALTH: urlPath,
  WEFT_APPLICATION_METRICS: applicationMetrics,
  WEFT_APPLICATION_PROBES: json,
  WEFT_UPSTREAMS: listOf(
    upstream,
    1000,
    'services with local ports, such as orders=4101,pay.shop:80=4102',
  ),
  WEFT_DNS: either(onOff, port),
  WEFT_DNS_UPSTREAMS: listOf(
    resolver(dnsPort),
    8,
    'IP addresses with or without port, such as 10.96.0.10:53',
  ),
  WEFT_TRANSPARENT: onOff,
  WEFT_ADVERTISE: matching(/^[^\s/[\]]{1,253}$/, 'an IP address or a host name'),
  WEFT_ADMIN: place,
  WEFT_OUTBOUND: place,
  WEFT_INBOUND: place,
  WEFT_HEALTH: either(place, oneOf('off')),
  WEFT_DRAIN_TIMEOUT: duration(3_600_000, '1h'),
  WEFT_ACCESS_LOG: oneOf('all', 'errors', 'off'),
  WEFT_WORKERS: integer(1, 64, 'a number of threads'),
  WEFT_PLUGINS: json,
  WEFT_LOG_LEVEL: oneOf('debug', 'info', 'warn', 'error'),
} as const satisfies Record<string, Variable<unknown>>

export type Name = keyof typeof variables
/** What is set, and of its kind. */
export type Settings = {
  readonly [N in Name]?: (typeof variables)[N] extends Variable<infer T> ? T : never
}

export type Report = (name: Name, problem: string) => void

/** Empty ones count as absent: compose files write them so where a variable of their own is not set. */
export function readSettings(environment: Environment, report: Report): Settings {
  const settings: Partial<Record<Name, unknown>> = {}
  for (const name of Object.keys(variables) as Name[]) {
    const written = environment[name]?.trim() ?? ''
    if (written === '') continue
    const variable: Variable<unknown> = variables[name]
    settings[name] = variable.read(written)
    if (settings[name] === undefined)
      report(
        name,
        `expected ${variable.expected}, and not ${JSON.stringify(written.slice(0, 100))}`,
      )
  }
  return settings as Settings
}

/** A problem for each that has our prefix, and is none of ours. */
export function unknownVariables(environment: Environment): string[] {
  const known = Object.keys(variables)
  const links = serviceLinks(environment)
  const unknown = Object.keys(environment).filter(
    name =>
      name.startsWith(prefix) &&
      !known.includes(name) &&
      !links.some(link => name.startsWith(link)),
  )
  return unknown.map(name => {
    const meant = nearest(name, known)
    return `${name}: unknown variable${meant === undefined ? '' : `, did you mean ${meant}?`}`
  })
}

const prefix = 'WEFT_'
const linkedHost = '_SERVICE_HOST'

/**
 * How the variables begin that the kubelet sets for each Service of the namespace (Kubernetes, "Discovering services"),
 * also for one that is called `weft-something`.
 */
function serviceLinks(environment: Environment): string[] {
  return Object.keys(environment)
    .filter(name => name.endsWith(linkedHost))
    .map(name => name.slice(0, -linkedHost.length))
    .flatMap(service => [`${service}${linkedHost}`, `${service}_SERVICE_PORT`, `${service}_PORT`])
}
