// The bootstrap of a sidecar that an image, a compose file or an injector describes by variables (README).
import { isIPv6 } from 'node:net'
import type { LogLevel } from '../base/log.ts'
import {
  sidecarPorts,
  type DnsBootstrap,
  type HealthBootstrap,
  type ProxyBootstrap,
  type SocketAddress,
} from '../model/bootstrap.ts'
import { applicationProbes, pluginSettings } from './bootstrap-file.ts'
import { CommandError } from './command-error.ts'
import type { Place } from './process/environment-variable.ts'
import {
  readSettings,
  unknownVariables,
  variables,
  type Environment,
  type Name,
  type Report,
  type Settings,
} from './process/sidecar-variables.ts'

/** Where the process runs, for what the environment leaves open. */
export interface Machine {
  readonly hostName: string
  /** Under which others may reach it, the likeliest first: none of loopback or link-local ones. */
  readonly addresses: readonly string[]
}

export interface EnvironmentBootstrap {
  readonly bootstrap: ProxyBootstrap
  readonly logLevel: LogLevel
}

const loopback = '127.0.0.1'
const defaults = {
  WEFT_NAMESPACE: 'default',
  WEFT_CONTROL_PLANE: { host: 'weft-control', port: 15_012 },
  WEFT_TRUST_DOMAIN: 'weft.local',
  WEFT_TRUST_BUNDLE: '/var/run/weft/trust/trust-bundle.pem',
  WEFT_JOIN: 'token',
  WEFT_STATE: '/var/lib/weft',
  WEFT_APPLICATION_HOST: loopback,
  WEFT_APPLICATION_PORTS: [] as number[],
  WEFT_UPSTREAMS: [],
  WEFT_DRAIN_TIMEOUT: 30_000,
  WEFT_ACCESS_LOG: 'errors',
  WEFT_LOG_LEVEL: 'info',
} as const satisfies Settings
const dnsPort = 53
/** Of an active check, as a Workload has it. */
const healthIntervalMs = 5000
const maxProbes = 64

/** @throws CommandError with all that is wrong, one a line. */
export function readEnvironment(environment: Environment, machine: Machine): EnvironmentBootstrap {
  const problems = unknownVariables(environment)
  const report: Report = (name, problem) => void problems.push(`${name}: ${problem}`)
  const settings = readSettings(environment, report)
  const bootstrap = bootstrapOf(settings, machine, report)
  for (const contradiction of contradictions)
    if (contradiction.holds(settings)) report(contradiction.name, contradiction.problem)
  if (problems.length > 0) throw new CommandError(problems.join('\n'))
  return { bootstrap, logLevel: settings.WEFT_LOG_LEVEL ?? defaults.WEFT_LOG_LEVEL }
}

function bootstrapOf(written: Settings, machine: Machine, report: Report): ProxyBootstrap {
  const settings = { ...defaults, ...written }
  const { WEFT_TOKEN_FILE: joinTokenFile, WEFT_WORKERS: workers } = settings
  const plugins = pluginsOf(settings, report)
  const { WEFT_APPLICATION_HEALTH: path, WEFT_TRANSPARENT: transparent } = settings
  const advertise = advertised(settings, machine, report)
  const reached = advertise === undefined ? machine.addresses : [advertise]
  const listen = places(reached.some(isIPv6) ? '::' : '0.0.0.0')
  const health = healthOf(settings, listen.all, report)
  const dns = dnsOf(settings)
  return {
    workload: workloadOf(settings, machine, report),
    stateDirectory: settings.WEFT_STATE,
    controlPlane: { ...settings.WEFT_CONTROL_PLANE, trustDomain: settings.WEFT_TRUST_DOMAIN },
    trustBundleFile: settings.WEFT_TRUST_BUNDLE,
    ...(joinTokenFile !== undefined && { joinTokenFile }),
    join: settings.WEFT_JOIN,
    admin: listen.local(settings.WEFT_ADMIN, sidecarPorts.admin),
    ...(health !== undefined && { health }),
    outbound: listen.local(settings.WEFT_OUTBOUND, sidecarPorts.outbound),
    inbound: listen.all(settings.WEFT_INBOUND, sidecarPorts.inbound),
    application: {
      host: settings.WEFT_APPLICATION_HOST,
      ports: settings.WEFT_APPLICATION_PORTS,
    },
    ...(path !== undefined && { applicationHealth: { path, intervalMs: healthIntervalMs } }),
    upstreams: settings.WEFT_UPSTREAMS,
    ...(dns !== undefined && { dns }),
    ...(transparent === 'on' && {
      transparent: { inbound: listen.all(undefined, sidecarPorts.captured) },
    }),
    ...(advertise !== undefined && { advertise }),
    drainTimeoutMs: settings.WEFT_DRAIN_TIMEOUT,
    accessLog: settings.WEFT_ACCESS_LOG,
    ...(workers !== undefined && { workers }),
    ...(plugins !== undefined && { plugins }),
  }
}

function pluginsOf({ WEFT_PLUGINS: plugins }: Settings, report: Report): ProxyBootstrap['plugins'] {
  if (plugins === undefined) return undefined
  pluginSettings(plugins, '', problem => report('WEFT_PLUGINS', problem))
  return plugins as ProxyBootstrap['plugins']
}

function workloadOf(
  settings: Settings,
  { hostName }: Machine,
  report: Report,
): ProxyBootstrap['workload'] {
  const { WEFT_ZONE: zone, WEFT_NAMESPACE: namespace = defaults.WEFT_NAMESPACE } = settings
  const kind = variables.WEFT_WORKLOAD
  const name = settings.WEFT_WORKLOAD ?? kind.read(hostName.toLowerCase())
  if (name === undefined)
    report('WEFT_WORKLOAD', `expected ${kind.expected}; the host name ${hostName} is none`)
  const { WEFT_SERVICE_ACCOUNT: serviceAccount = name ?? '' } = settings
  return {
    name: name ?? '',
    namespace,
    serviceAccount,
    // Those of its token, or of what its cluster or engine knows of it, count.
    labels: {},
    ...(zone !== undefined && { zone }),
  }
}

/** Undefined: that will be seen. A container may be in networks where neither the control plane nor others are. */
function advertised(
  { WEFT_ADVERTISE: written, WEFT_JOIN: join }: Settings,
  { addresses }: Machine,
  report: Report,
): string | undefined {
  if (written !== undefined || join === 'container') return written
  const [address] = addresses
  if (address === undefined)
    report('WEFT_ADVERTISE', 'say where others reach this: the machine has no address but loopback')
  return address
}

type Placed = (written: Place | undefined, defaultPort: number) => SocketAddress

function places(everywhere: string): { readonly all: Placed; readonly local: Placed } {
  const on =
    (defaultHost: string): Placed =>
    (written, defaultPort) => ({
      host: written?.host ?? defaultHost,
      port: written?.port ?? defaultPort,
    })
  return { all: on(everywhere), local: on(loopback) }
}

function healthOf(
  { WEFT_HEALTH: written, ...settings }: Settings,
  listen: Placed,
  report: Report,
): HealthBootstrap | undefined {
  const { WEFT_APPLICATION_METRICS: applicationMetrics, WEFT_APPLICATION_PROBES: probes } = settings
  if (probes !== undefined) checkProbes(probes, report)
  if (written === 'off') return undefined
  return {
    ...listen(written, sidecarPorts.health),
    ...(applicationMetrics !== undefined && { applicationMetrics }),
    ...(probes !== undefined && { probes: probes as NonNullable<HealthBootstrap['probes']> }),
  }
}

const probePath = /^\/app-health\/[!-~]{1,200}$/

function checkProbes(probes: unknown, report: Report): void {
  const own = (problem: string): void => report('WEFT_APPLICATION_PROBES', problem)
  applicationProbes(probes, '', own)
  const paths = typeof probes === 'object' ? Object.keys(probes ?? {}) : []
  if (paths.length > maxProbes) own(`expected at most ${maxProbes} probes, and not ${paths.length}`)
  for (const path of paths.slice(0, maxProbes))
    if (!probePath.test(path))
      own(`expected paths that begin with "/app-health/", and not ${JSON.stringify(path)}`)
}

function dnsOf({ WEFT_DNS: dns = 'off', ...settings }: Settings): DnsBootstrap | undefined {
  if (dns === 'off') return undefined
  const { WEFT_DNS_UPSTREAMS: upstreams } = settings
  return {
    host: loopback,
    port: dns === 'on' ? dnsPort : dns,
    ...(upstreams !== undefined && { upstreams }),
  }
}

interface Contradiction {
  readonly name: Name
  readonly problem: string
  holds(settings: Settings): boolean
}

/** What is good alone, and not beside another. */
const contradictions: readonly Contradiction[] = [
  {
    name: 'WEFT_TOKEN_FILE',
    problem: 'leave it out, or WEFT_JOIN=container, which needs no token',
    holds: ({ WEFT_JOIN: join, WEFT_TOKEN_FILE: file }) =>
      join === 'container' && file !== undefined,
  },
  {
    name: 'WEFT_APPLICATION_HEALTH',
    problem: 'set WEFT_APPLICATION_PORTS too: the first is asked',
    holds: ({ WEFT_APPLICATION_HEALTH: path, WEFT_APPLICATION_PORTS: list }) =>
      path !== undefined && list === undefined,
  },
  {
    name: 'WEFT_WORKERS',
    problem: 'leave it out, or WEFT_DNS, which works on one thread',
    holds: ({ WEFT_DNS: dns = 'off', WEFT_WORKERS: workers = 1 }) => dns !== 'off' && workers > 1,
  },
  {
    name: 'WEFT_DNS_UPSTREAMS',
    problem: 'set WEFT_DNS too: nobody is asked while it is off',
    holds: ({ WEFT_DNS: dns = 'off', WEFT_DNS_UPSTREAMS: upstreams }) =>
      dns === 'off' && upstreams !== undefined,
  },
  {
    name: 'WEFT_APPLICATION_METRICS',
    problem: 'leave WEFT_HEALTH on: they are shown on its port',
    holds: ({ WEFT_HEALTH: health, WEFT_APPLICATION_METRICS: metrics }) =>
      health === 'off' && metrics !== undefined,
  },
  {
    name: 'WEFT_APPLICATION_PROBES',
    problem: 'leave WEFT_HEALTH on: they are made on its port',
    holds: ({ WEFT_HEALTH: health, WEFT_APPLICATION_PROBES: probes }) =>
      health === 'off' && probes !== undefined,
  },
  {
    name: 'WEFT_UPSTREAMS',
    problem: 'give each service a port of its own',
    holds: ({ WEFT_UPSTREAMS: upstreams = [] }) =>
      new Set(upstreams.map(upstream => upstream.port)).size < upstreams.length,
  },
]
