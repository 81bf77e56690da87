// Probes and lifecycle hooks that the kubelet makes over the network. The kubelet has no certificate of the mesh, so they
// go to the sidecar's health port, and the sidecar asks the application.
import type { ApplicationProbe } from '../../../../model/bootstrap.ts'
import {
  defaultGraceSeconds,
  lastingContainers,
  type Container,
  type Handler,
  type Pod,
} from './pod.ts'
import { healthPort } from './ports.ts'

const probePaths = {
  livenessProbe: 'livez',
  readinessProbe: 'readyz',
  startupProbe: 'startupz',
} as const
const hookPaths = { postStart: 'poststart', preStop: 'prestop' } as const

/** The kubelet's own default. */
const defaultTimeoutSeconds = 1
/** The kubelet sets no limit to this hook. */
const postStartSeconds = 300
/** A longer hook ends before: the sidecar holds no question open for more. */
const maxPreStopSeconds = 3600

/** By container, then by place: `livenessProbe`, `preStop`. */
type Originals = Record<string, Record<string, Handler>>

interface TakenOver {
  /** By the path that the kubelet asks for. */
  readonly probes: Readonly<Record<string, ApplicationProbe>>
  readonly originals: Originals
}

/** Changes `pod`, and returns what its handlers were. */
export function takeOverHandlers({ spec }: Pod): TakenOver {
  const probes: Record<string, ApplicationProbe> = {}
  const originals: Originals = {}
  const graceSeconds = spec.terminationGracePeriodSeconds ?? defaultGraceSeconds
  for (const container of lastingContainers(spec))
    for (const place of placesOf(container, graceSeconds)) {
      const { handler, name, path, timeoutSeconds } = place
      const probe = applicationProbe(handler, container)
      if (probe === undefined) continue
      const here = `/app-health/${container.name}/${path}`
      probes[here] = { ...probe, timeoutMs: timeoutSeconds * 1000 }
      const { httpGet, tcpSocket, grpc } = handler
      const original = httpGet ? { httpGet } : tcpSocket ? { tcpSocket } : { grpc }
      originals[container.name] = { ...originals[container.name], [name]: original }
      replaceHandler(handler, { httpGet: { path: here, port: healthPort } })
    }
  return { probes, originals }
}

/** Undoes {@link takeOverHandlers} where nobody changed its work meanwhile. */
export function giveBackHandlers({ spec }: Pod, originals: Originals): void {
  for (const container of lastingContainers(spec))
    for (const { handler, name } of placesOf(container, 0)) {
      const original = originals[container.name]?.[name]
      const isOurs = handler.httpGet?.path?.startsWith(`/app-health/${container.name}/`) ?? false
      if (original !== undefined && isOurs) replaceHandler(handler, original)
    }
}

interface Place {
  readonly name: string
  readonly handler: Handler
  /** Last part of the path under which the sidecar makes it. */
  readonly path: string
  readonly timeoutSeconds: number
}

function placesOf(container: Container, graceSeconds: number): readonly Place[] {
  const places: Place[] = []
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const handler = container[name]
    const timeoutSeconds = handler?.timeoutSeconds || defaultTimeoutSeconds
    if (handler) places.push({ name, handler, path: probePaths[name], timeoutSeconds })
  }
  for (const name of ['postStart', 'preStop'] as const) {
    const handler = container.lifecycle?.[name]
    const timeoutSeconds = name === 'preStop' ? clamp(graceSeconds) : postStartSeconds
    // For hooks the kubelet knows no `tcpSocket`: it is of old manifests, and nothing is done.
    if (handler?.httpGet) places.push({ name, handler, path: hookPaths[name], timeoutSeconds })
  }
  return places
}

function clamp(graceSeconds: number): number {
  return Math.min(Math.max(1, graceSeconds), maxPreStopSeconds)
}

/** Undefined: it needs no network, leads to another host, or names a port that does not exist. */
function applicationProbe(
  { httpGet, tcpSocket, grpc }: Handler,
  container: Container,
): Omit<ApplicationProbe, 'timeoutMs'> | undefined {
  const asked = httpGet ?? tcpSocket ?? grpc
  if (!asked || ('host' in asked && asked.host)) return undefined
  const port = portNumber(asked.port, container)
  if (port === undefined || port === healthPort) return undefined
  if (tcpSocket) return { kind: 'tcp', port }
  if (grpc) return { kind: 'grpc', port, ...(grpc.service && { service: grpc.service }) }
  return { ...httpProbe(httpGet ?? {}), port }
}

function httpProbe({
  path,
  scheme,
  httpHeaders,
}: Partial<NonNullable<Handler['httpGet']>>): Pick<ApplicationProbe, 'kind' | 'path' | 'headers'> {
  return {
    kind: scheme?.toUpperCase() === 'HTTPS' ? 'https' : 'http',
    ...(path && { path: path.startsWith('/') ? path : `/${path}` }),
    ...(httpHeaders?.length && {
      headers: httpHeaders.map(({ name, value }) => ({ name, value })),
    }),
  }
}

/** As the kubelet has it: by name among the ports of this container, else as digits. */
function portNumber(port: number | string, { ports }: Container): number | undefined {
  if (typeof port === 'number') return port
  const found = ports?.find(({ name }) => name === port)?.containerPort
  return found ?? (/^\d{1,5}$/.test(port) ? Number(port) : undefined)
}

function replaceHandler(handler: Handler, other: Handler): void {
  delete handler.httpGet
  delete handler.tcpSocket
  delete handler.grpc
  Object.assign(handler, other)
}
