// Hand-written checks: the sidecar reads its bootstrap, and a schema library would cost it more memory than its work.
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type {
  ApplicationProbe,
  ControlBootstrap,
  ControlPlaneAddress,
  DnsBootstrap,
  DockerBootstrap,
  HealthBootstrap,
  KubernetesBootstrap,
  ProxyBootstrap,
  SocketAddress,
  TransparentBootstrap,
  UpstreamListener,
  WorkloadIdentity,
} from '../model/bootstrap.ts'
import { outboundTrafficPolicies } from '../model/outbound.ts'
import { pluginDirections, pluginFailureModes, type PluginSettings } from '../model/plugin.ts'
import { CommandError } from './command-error.ts'

/** As it may be written: with fields left to their defaults. */
type Written<T, Defaulted extends keyof T> = Omit<T, Defaulted> & Partial<Pick<T, Defaulted>>

export function readProxyBootstrap(file: string): ProxyBootstrap {
  const written = readChecked(file, proxyBootstrap) as Written<ProxyBootstrap, 'drainTimeoutMs'>
  return { drainTimeoutMs: 30_000, ...written }
}

export function readControlBootstrap(file: string): ControlBootstrap {
  const written = readChecked(file, controlBootstrap) as Written<ControlBootstrap, 'leaseMs'>
  return { leaseMs: 30_000, ...written }
}

function readChecked(file: string, check: Check): unknown {
  const value = readJson(file)
  const problems: string[] = []
  check(value, '', problem => problems.push(`${file}: ${problem}`))
  if (problems.length > 0) throw new CommandError(problems.join('\n'))
  return value
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new CommandError(`${file}: ${(error as Error).message}`)
  }
}

type Report = (problem: string) => void
type Check = (value: unknown, path: string, report: Report) => void

function expected(what: string, holds: (value: unknown) => boolean): Check {
  return (value, path, report) => {
    if (!holds(value)) report(`${path === '' ? 'the document' : path}: expected ${what}`)
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A check for each field of the type, neither more nor less. */
function object<T>(fields: { readonly [K in keyof Required<T>]: Check }): Check {
  const known = new Map<string, Check>(Object.entries(fields))
  return (value, path, report) => {
    if (!isObject(value)) {
      expected('an object', isObject)(value, path, report)
      return
    }
    const prefix = path === '' ? '' : `${path}.`
    for (const name of Object.keys(value))
      if (!known.has(name)) report(`${prefix}${name}: unknown field`)
    for (const [name, check] of known) check(value[name], `${prefix}${name}`, report)
  }
}

function list(item: Check): Check {
  return (value, path, report) => {
    if (Array.isArray(value))
      value.forEach((entry, index) => item(entry, `${path}[${index}]`, report))
    else report(`${path}: expected a list`)
  }
}

/** Of values that are alike, by names that are the writer's. */
function record(value: Check): Check {
  return (entries, path, report) => {
    if (!isObject(entries)) expected('an object', isObject)(entries, path, report)
    else
      for (const [name, entry] of Object.entries(entries))
        value(entry, `${path}[${JSON.stringify(name)}]`, report)
  }
}

function optional(check: Check): Check {
  return (value, path, report) => {
    if (value !== undefined) check(value, path, report)
  }
}

function oneOf(...words: readonly string[]): Check {
  return expected(words.join(', '), value => words.includes(value as string))
}

const bool = expected('true or false', value => typeof value === 'boolean')
const text = expected('a non-empty string', value => typeof value === 'string' && value !== '')
const port = expected(
  'a port, 0 to 65535',
  value => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535,
)
const milliseconds = expected(
  'a positive number of milliseconds',
  value => Number.isFinite(value) && Number(value) > 0,
)
const workers = expected(
  'a number of threads from 1 to 64',
  value => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 64,
)
const labels = expected(
  'an object of strings',
  value => isObject(value) && Object.values(value).every(label => typeof label === 'string'),
)
const address = object<SocketAddress>({ host: text, port })
const ip = expected('an IP address', value => typeof value === 'string' && isIP(value) !== 0)

const urlPath = expected(
  'a path that begins with a slash',
  value => typeof value === 'string' && value.startsWith('/'),
)

/** Of {@link HealthBootstrap}; also as a variable of the environment. */
export const applicationProbes: Check = record(
  object<ApplicationProbe>({
    kind: oneOf('http', 'https', 'tcp', 'grpc'),
    port,
    path: optional(text),
    headers: optional(
      list(
        object<NonNullable<ApplicationProbe['headers']>[number]>({
          name: text,
          value: expected('a string', value => typeof value === 'string'),
        }),
      ),
    ),
    service: optional(text),
    timeoutMs: milliseconds,
  }),
)

const health = object<HealthBootstrap>({
  host: text,
  port,
  applicationMetrics: optional(
    object<NonNullable<HealthBootstrap['applicationMetrics']>>({ port, path: urlPath }),
  ),
  probes: optional(applicationProbes),
})

/** Of a sidecar; also as a variable of the environment. */
export const pluginSettings: Check = list(
  object<PluginSettings>({
    path: text,
    name: optional(text),
    config: optional(expected('an object', isObject)),
    direction: optional(oneOf(...pluginDirections)),
    onError: optional(oneOf(...pluginFailureModes)),
    timeoutMs: optional(milliseconds),
  }),
)

const proxyBootstrap = object<ProxyBootstrap>({
  workload: object<WorkloadIdentity>({
    name: text,
    namespace: text,
    serviceAccount: text,
    labels,
    zone: optional(text),
  }),
  stateDirectory: text,
  controlPlane: object<ControlPlaneAddress>({ host: text, port, trustDomain: text }),
  trustBundleFile: text,
  joinTokenFile: optional(text),
  join: optional(oneOf('token', 'container')),
  admin: address,
  health: optional(health),
  outbound: address,
  inbound: address,
  application: object<ProxyBootstrap['application']>({ host: text, ports: list(port) }),
  hostsFunction: optional(bool),
  applicationHealth: optional(
    object<NonNullable<ProxyBootstrap['applicationHealth']>>({
      path: text,
      intervalMs: milliseconds,
    }),
  ),
  upstreams: list(object<UpstreamListener>({ host: text, port, service: text })),
  dns: optional(
    object<DnsBootstrap>({
      host: ip,
      port,
      // A name would have to be resolved first.
      upstreams: optional(list(object<SocketAddress>({ host: ip, port }))),
      resolvConf: optional(text),
    }),
  ),
  transparent: optional(
    object<TransparentBootstrap>({
      inbound: optional(address),
      outboundTrafficPolicy: optional(oneOf(...outboundTrafficPolicies)),
    }),
  ),
  advertise: text,
  drainTimeoutMs: optional(milliseconds),
  accessLog: optional(oneOf('all', 'errors', 'off')),
  workers: optional(workers),
  plugins: optional(pluginSettings),
})

const controlBootstrap = object<ControlBootstrap>({
  configPath: optional(text),
  ignoresUnknownKinds: optional(bool),
  stateDirectory: text,
  trustBundleFile: optional(text),
  trustDomain: text,
  push: address,
  admin: address,
  leaseMs: optional(milliseconds),
  scaling: optional(text),
  kubernetes: optional(
    object<KubernetesBootstrap>({
      namespace: text,
      replica: text,
      server: optional(expected('an http or https URL', isHttpUrl)),
      tokenFile: optional(text),
      caFile: optional(text),
      webhook: optional(address),
      injectionFile: optional(text),
    }),
  ),
  docker: optional(object<DockerBootstrap>({ socket: text, network: optional(text) })),
})

function isHttpUrl(value: unknown): boolean {
  return typeof value === 'string' && /^https?:$/.test(URL.parse(value)?.protocol ?? '')
}
