import { join, resolve } from 'node:path'
import {
  sidecarPorts,
  type ControlBootstrap,
  type ProxyBootstrap,
  type SocketAddress,
  type TransparentBootstrap,
} from '../../model/bootstrap.ts'
import type { Configuration } from '../../model/configuration.ts'
import { functionLabel } from '../../model/function/function.ts'
import type { FunctionResource } from '../../model/kinds/function/function.ts'
import type { WorkloadResource } from '../../model/kinds/workload.ts'
import type { PluginSettings } from '../../model/plugin.ts'
import { qualify, type Named } from '../../model/qualified-name.ts'

/** Everything `weft up` will run, decided before anything starts. */
export interface MeshPlan {
  readonly control: ControlPlan
  readonly workloads: readonly WorkloadPlan[]
}

export interface ControlPlan {
  readonly bootstrapFile: string
  readonly bootstrap: ControlBootstrap
}

export interface WorkloadPlan {
  /** For people, and unique: with the namespace, unless that is `default`. */
  readonly name: string
  /** Absent: it stands outside the mesh. */
  readonly sidecar?: SidecarPlan
  /** Absent: somebody else runs it. */
  readonly application?: ApplicationPlan
}

export interface SidecarPlan {
  readonly bootstrapFile: string
  readonly bootstrap: ProxyBootstrap & { readonly joinTokenFile: string }
  /** The control plane starts it when its function is called. Default: it runs all the time. */
  readonly onDemand?: true
}

export interface ApplicationPlan {
  readonly host: string
  readonly ports: readonly number[]
  readonly command: string
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly directory?: string
}

export interface UpOptions {
  /** File or folder. */
  readonly config: string
  readonly controlPort: number
  readonly controlAdminPort: number
  readonly stateDirectory: string
  /** As of the control plane. Default false. */
  readonly ignoresUnknownKinds?: boolean
}

const loopback = '127.0.0.1'
/** The first sidecar has Istio's ports, each further one the same plus this. */
const portStep = 100
const leaseMs = 30_000
/** A developer at the terminal does not wait as long as a rollout. */
const drainTimeoutMs = 5000

export function planMesh(configuration: Configuration, options: UpOptions): MeshPlan {
  const control = planControl(configuration, options)
  let sidecars = 0
  const workloads = configuration.workloads.map((workload): WorkloadPlan => {
    const { metadata, spec } = workload
    const application = planApplication(workload)
    return {
      name: displayName(metadata),
      ...(spec.sidecar.enabled && {
        sidecar: planSidecar(workload, { index: sidecars++, control, options }),
      }),
      ...(application !== undefined && { application }),
    }
  })
  const functions = configuration.functions.filter(isRunHere).map((resource): WorkloadPlan => ({
    name: displayName(resource.metadata),
    sidecar: planFunction(resource, { index: sidecars++, control, options }),
  }))
  return { control, workloads: [...workloads, ...functions] }
}

/** Sidecars of the others stand in their containers. */
function isRunHere({ spec }: FunctionResource): boolean {
  return spec.driver === 'process' || spec.driver === 'oci'
}

/** As whoever starts a mesh is told of it. */
export function displayName(named: Named): string {
  return named.namespace === 'default' ? named.name : qualify(named)
}

function planControl({ mesh, functions }: Configuration, options: UpOptions): ControlPlan {
  const stateDirectory = resolve(options.stateDirectory, 'control')
  return {
    bootstrapFile: join(stateDirectory, 'bootstrap.json'),
    bootstrap: {
      configPath: options.config,
      ...(options.ignoresUnknownKinds === true && { ignoresUnknownKinds: true }),
      stateDirectory,
      trustDomain: mesh.trustDomain,
      push: { host: loopback, port: options.controlPort },
      admin: { host: loopback, port: options.controlAdminPort },
      leaseMs,
      ...(functions.some(({ spec }) => spec.scale.zero === 'gone') && {
        scaling: join(stateDirectory, 'scaling.json'),
      }),
    },
  }
}

interface SidecarSurroundings {
  /** Among the sidecars, from 0. */
  readonly index: number
  readonly control: ControlPlan
  readonly options: UpOptions
}

function planSidecar(workload: WorkloadResource, surroundings: SidecarSurroundings): SidecarPlan {
  const { spec } = workload
  const { workers, dns, transparent, plugins } = spec.sidecar
  const { bootstrapFile, bootstrap } = planBase(workload, surroundings)
  const { healthCheck, zone } = spec
  return {
    bootstrapFile,
    bootstrap: {
      ...bootstrap,
      workload: { ...bootstrap.workload, ...(zone !== undefined && { zone }) },
      application: { host: spec.address, ports: spec.ports.map(({ port }) => port) },
      ...(healthCheck !== undefined && {
        applicationHealth: { path: healthCheck.path, intervalMs: healthCheck.interval },
      }),
      upstreams: spec.upstreams.map(({ service, localPort }) => ({
        host: loopback,
        port: localPort,
        service,
      })),
      ...(dns !== false && {
        dns: addressFor(dns === true ? undefined : dns.port, sidecarPorts.dns, surroundings),
      }),
      ...(transparent !== false && {
        transparent: planTransparent(transparent === true ? {} : transparent, surroundings.index),
      }),
      ...(workers !== undefined && { workers }),
      ...(plugins !== undefined && { plugins: plugins.map(planPlugin) }),
    },
  }
}

function planPlugin({ path, timeout, name, ...same }: WorkloadPlugin): PluginSettings {
  return { ...same, path: resolve(path), timeoutMs: timeout, ...(name !== undefined && { name }) }
}

type WorkloadPlugin = NonNullable<WorkloadResource['spec']['sidecar']['plugins']>[number]

/** Its sidecar runs the function, and is all that runs while nobody calls. */
function planFunction(resource: FunctionResource, surroundings: SidecarSurroundings): SidecarPlan {
  const { bootstrapFile, bootstrap } = planBase(resource, surroundings)
  const { workload } = bootstrap
  const labels = { ...workload.labels, [functionLabel]: workload.name }
  return {
    bootstrapFile,
    bootstrap: { ...bootstrap, workload: { ...workload, labels }, hostsFunction: true },
    ...(resource.spec.scale.zero === 'gone' && { onDemand: true }),
  }
}

/** What all sidecars have. */
function planBase(
  { metadata, spec }: WorkloadResource | FunctionResource,
  surroundings: SidecarSurroundings,
): SidecarPlan {
  const { name, namespace, labels } = metadata
  const { control, options } = surroundings
  const stateDirectory = resolve(options.stateDirectory, 'workloads', qualify(metadata))
  const { push, trustDomain, stateDirectory: controlState } = control.bootstrap
  const { adminPort, outboundPort, inboundPort } = spec.sidecar
  return {
    bootstrapFile: join(stateDirectory, 'bootstrap.json'),
    bootstrap: {
      workload: { name, namespace, serviceAccount: spec.serviceAccount ?? name, labels },
      stateDirectory,
      controlPlane: { ...push, trustDomain },
      trustBundleFile: join(controlState, 'trust-bundle.pem'),
      joinTokenFile: join(stateDirectory, 'join-token'),
      admin: addressFor(adminPort, sidecarPorts.admin, surroundings),
      outbound: addressFor(outboundPort, sidecarPorts.outbound, surroundings),
      inbound: addressFor(inboundPort, sidecarPorts.inbound, surroundings),
      application: { host: loopback, ports: [] },
      upstreams: [],
      advertise: loopback,
      drainTimeoutMs,
      accessLog: 'all',
    },
  }
}

function addressFor(
  chosen: number | undefined,
  base: number,
  { index }: SidecarSurroundings,
): SocketAddress {
  return { host: loopback, port: chosen ?? base + index * portStep }
}

function planTransparent(
  { inboundPort, outboundTrafficPolicy }: TransparentSettings,
  index: number,
): TransparentBootstrap {
  const port = inboundPort ?? sidecarPorts.captured + index * portStep
  // What comes in is redirected to the address of the interface that it came by.
  return {
    inbound: { host: '0.0.0.0', port },
    ...(outboundTrafficPolicy !== undefined && { outboundTrafficPolicy }),
  }
}

type TransparentSettings = Partial<
  Exclude<WorkloadResource['spec']['sidecar']['transparent'], boolean>
>

function planApplication({ spec }: WorkloadResource): ApplicationPlan | undefined {
  const { run, address } = spec
  const [command, ...commandArguments] = run?.command ?? []
  if (run === undefined || command === undefined) return undefined
  const [first] = spec.ports
  return {
    host: address,
    ports: spec.ports.map(({ port }) => port),
    command,
    arguments: commandArguments,
    environment: { ...(first !== undefined && { PORT: String(first.port) }), ...run.environment },
    ...(run.directory !== undefined && { directory: run.directory }),
  }
}
