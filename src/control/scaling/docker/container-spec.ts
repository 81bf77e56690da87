import { functionLabel } from '../../../model/function/function.ts'
import type { ProxyBootstrap } from '../../../model/bootstrap.ts'
import { qualify } from '../../../model/qualified-name.ts'
import type { ScaledFunction } from '../workload-driver.ts'
import type { DockerSettings } from './docker-settings.ts'

/** By which containers of one host belong together. */
export const hostLabel = 'weft.dev/host'
/** `sidecar`, or `runtime` beside it. */
export const roleLabel = 'weft.dev/role'

export type Role = 'sidecar' | 'runtime'

/** Where its files lie in a sidecar's container. */
export const sidecarFolder = 'etc/weft'

const stateFolder = '/var/lib/weft'
const processes = 1024

/** A host to be. */
export interface HostPlan {
  readonly fn: ScaledFunction
  /** Name of its workload. */
  readonly host: string
}

/** Of its container; its network resolves it. */
export function containerName({ fn, host }: HostPlan, role: Role): string {
  return `weft-${fn.namespace}-${host}${role === 'runtime' ? '-runtime' : ''}`
}

/** Body of the request that makes a sidecar's container. */
export function sidecarContainer(plan: HostPlan, { sidecar }: DockerSettings): object {
  return {
    ...common(plan, 'sidecar', sidecar),
    Image: sidecar.image,
    Cmd: sidecar.command ?? ['proxy', '--config', `/${sidecarFolder}/bootstrap.json`],
    HostConfig: {
      ...hardened(sidecar.binds, sidecar.memory),
      NetworkMode: sidecar.network,
    },
  }
}

/** The same for the code's, which shares the sidecar's network: loopback is all that it needs of it. */
export function runtimeContainer(
  plan: HostPlan,
  { runtime }: DockerSettings,
  { sidecarId, environment }: RuntimeSurroundings,
): object {
  const { command, binds } = runtime
  const { image, memoryMib, command: own } = plan.fn.spec
  return {
    ...common(plan, 'runtime', {
      ...runtime,
      environment: { ...runtime.environment, ...environment },
    }),
    Image: image,
    ...(own.length > 0 ? { Cmd: own } : command !== undefined && { Cmd: command }),
    HostConfig: {
      ...hardened(binds, memoryMib),
      NetworkMode: `container:${sidecarId}`,
      // It may be there before the sidecar's Runtime API is.
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 10 },
    },
  }
}

interface RuntimeSurroundings {
  /** Its container. */
  readonly sidecarId: string
  /** Of the function. */
  readonly environment: Readonly<Record<string, string>>
}

/** What its sidecar is told. */
export function hostBootstrap(
  plan: HostPlan,
  { controlPlane, sidecar }: DockerSettings,
  trustDomain: string,
): ProxyBootstrap {
  const { fn, host } = plan
  const { inboundPort, outboundPort, adminPort, advertise } = sidecar.bootstrap
  return {
    workload: {
      name: host,
      namespace: fn.namespace,
      serviceAccount: fn.serviceAccount,
      labels: { [functionLabel]: fn.name },
    },
    stateDirectory: stateFolder,
    controlPlane: { ...controlPlane, trustDomain },
    trustBundleFile: `/${sidecarFolder}/trust-bundle.pem`,
    joinTokenFile: `/${sidecarFolder}/join-token`,
    admin: { host: '127.0.0.1', port: adminPort },
    outbound: { host: '127.0.0.1', port: outboundPort },
    inbound: { host: '0.0.0.0', port: inboundPort },
    application: { host: '127.0.0.1', ports: [] },
    hostsFunction: true,
    upstreams: [],
    advertise: advertise ?? containerName(plan, 'sidecar'),
    drainTimeoutMs: 30_000,
  }
}

interface Given {
  readonly entrypoint?: readonly string[] | undefined
  readonly environment: Readonly<Record<string, string>>
  readonly user?: string | undefined
}

function common(
  { fn, host }: HostPlan,
  role: Role,
  { entrypoint, environment, user }: Given,
): object {
  return {
    ...(entrypoint !== undefined && { Entrypoint: entrypoint }),
    ...(user !== undefined && { User: user }),
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    Labels: { [functionLabel]: qualify(fn), [hostLabel]: host, [roleLabel]: role },
  }
}

/** No way to more rights than it has, and bounds for what it can take. */
function hardened(binds: readonly string[], memoryMib: number): object {
  return {
    Binds: binds,
    Memory: memoryMib * 1024 * 1024,
    PidsLimit: processes,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    Init: false,
  }
}
