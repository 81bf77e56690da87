import { parseDuration } from '../../../../base/duration.ts'
import type { ApplicationProbe } from '../../../../model/bootstrap.ts'
import { proxyName, trustBundleName } from '../../cluster-names.ts'
import type { InjectionContext } from '../injection.ts'
import type { PodAnnotations } from './annotations.ts'
import { defaultGraceSeconds, lastingContainers, type Container, type Pod } from './pod.ts'
import { healthPort } from './ports.ts'

export const initName = 'weft-init'
/** Of the sidecar: what it sends is not captured. */
export const sidecarUser = 1337

const tokenFolder = '/var/run/secrets/weft'
const trustFolder = '/var/run/weft/trust'
const stateFolder = '/var/lib/weft'

/** Everything that the containers of Weft are made of. */
export interface SidecarPlan {
  readonly pod: Pod
  readonly context: InjectionContext
  readonly annotations: PodAnnotations
  readonly mode: 'dns' | 'transparent'
  readonly controlPlane: string
  readonly resources: object
  readonly probes: Readonly<Record<string, ApplicationProbe>>
  readonly applicationMetrics?: string
  /** `10.96.0.10:53` */
  readonly dnsUpstreams?: string
}

export const sidecarVolumes = [
  {
    name: 'weft-token',
    projected: {
      sources: [
        { serviceAccountToken: { audience: 'weft', expirationSeconds: 3600, path: 'token' } },
      ],
    },
  },
  // Not optional: the pod waits until the control plane has written it.
  { name: 'weft-trust', configMap: { name: trustBundleName } },
  // Keys are never on a disk. The limit counts as memory of the sidecar.
  { name: 'weft-state', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
]

const sidecarMounts = [
  { name: 'weft-token', mountPath: tokenFolder, readOnly: true },
  { name: 'weft-trust', mountPath: trustFolder, readOnly: true },
  { name: 'weft-state', mountPath: stateFolder },
]

/** As the "restricted" Pod Security Standard wants it. */
const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  privileged: false,
  readOnlyRootFilesystem: true,
  runAsGroup: sidecarUser,
  runAsNonRoot: true,
  runAsUser: sidecarUser,
  seccompProfile: { type: 'RuntimeDefault' },
}

/** An init container: it starts before all others, and the kubelet ends it after them. */
export function proxyContainer(plan: SidecarPlan): Container {
  return {
    ...proxyBase(plan),
    restartPolicy: 'Always',
    // Without it the kubelet would start the next container as soon as this process runs.
    startupProbe: {
      httpGet: { path: '/ready', port: healthPort },
      periodSeconds: 1,
      timeoutSeconds: 1,
      failureThreshold: 600,
    },
    // Made at once when the pod is to end, while SIGTERM comes after the application has gone.
    lifecycle: { preStop: { exec: { command: ['weft', 'drain', '--inbound'] } } },
  }
}

/**
 * For clusters before 1.29: the first of the pod's containers. The kubelet starts the second when the hook of the first
 * has returned; all of them are told to end at the same time.
 */
export function legacyProxyContainer(plan: SidecarPlan): Container {
  return {
    ...proxyBase(plan),
    lifecycle: { postStart: { exec: { command: ['weft', 'ready', '--wait', '10m'] } } },
  }
}

function proxyBase(plan: SidecarPlan): Container {
  return {
    name: proxyName,
    ...imageOf(plan),
    args: ['proxy'],
    env: environment(plan),
    ports: [{ name: 'weft-metrics', containerPort: healthPort, protocol: 'TCP' }],
    readinessProbe: {
      httpGet: { path: '/ready', port: healthPort },
      periodSeconds: 5,
      timeoutSeconds: 3,
      failureThreshold: 3,
    },
    resources: plan.resources,
    securityContext: restricted,
    volumeMounts: sidecarMounts,
  }
}

/**
 * Rules of iptables, and gone. Names stay the cluster's: they lead to ClusterIPs, by which the sidecar knows the Service.
 * Loopback addresses instead of those would want ports below 1024 of it, which take a sysctl.
 */
export function initContainer(plan: SidecarPlan): Container {
  const { 'skip-inbound-ports': inbound, 'skip-outbound-ports': outbound } = plan.annotations
  return {
    name: initName,
    ...imageOf(plan),
    args: [
      'init',
      `--uid=${sidecarUser}`,
      ...(inbound ? [`--exclude-inbound-ports=${inbound.join(',')}`] : []),
      ...(outbound ? [`--exclude-outbound-ports=${outbound.join(',')}`] : []),
    ],
    resources: plan.resources,
    securityContext: {
      ...restricted,
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
    },
  }
}

function imageOf({ annotations, context }: SidecarPlan): object {
  const { image = `weft:${context.version}`, imagePullPolicy } = context.settings
  return {
    image: annotations['proxy-image'] ?? image,
    ...(imagePullPolicy !== undefined && { imagePullPolicy }),
  }
}

interface Variable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: object
}

function environment(plan: SidecarPlan): readonly Variable[] {
  const { annotations, context, mode, probes } = plan
  const { settings } = context
  const ports = applicationPorts(plan)
  return [
    field('WEFT_WORKLOAD', 'metadata.name'),
    field('WEFT_NAMESPACE', 'metadata.namespace'),
    field('WEFT_SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    field('WEFT_ADVERTISE', 'status.podIP'),
    ...value('WEFT_CONTROL_PLANE', plan.controlPlane),
    ...value('WEFT_TRUST_DOMAIN', settings.trustDomain),
    ...value('WEFT_TRUST_BUNDLE', `${trustFolder}/trust-bundle.pem`),
    ...value('WEFT_TOKEN_FILE', `${tokenFolder}/token`),
    ...value('WEFT_STATE', stateFolder),
    ...value('WEFT_APPLICATION_PORTS', ports.length > 0 ? ports.join(',') : undefined),
    ...value('WEFT_APPLICATION_METRICS', plan.applicationMetrics),
    ...value(
      'WEFT_APPLICATION_PROBES',
      Object.keys(probes).length > 0 ? JSON.stringify(probes) : undefined,
    ),
    ...value('WEFT_UPSTREAMS', annotations.upstreams),
    ...value('WEFT_DNS', mode === 'dns' ? 'on' : undefined),
    ...value('WEFT_DNS_UPSTREAMS', plan.dnsUpstreams),
    ...value('WEFT_TRANSPARENT', mode === 'transparent' ? 'on' : undefined),
    ...value('WEFT_DRAIN_TIMEOUT', drainTimeout(plan)),
    ...value('WEFT_ACCESS_LOG', annotations['access-log'] ?? settings.accessLog),
    ...value('WEFT_LOG_LEVEL', annotations['log-level'] ?? settings.logLevel),
  ]
}

function field(name: string, fieldPath: string): Variable {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } }
}

/** The kubelet replaces `$(NAME)`, and makes one `$` of two. */
function value(name: string, text: string | undefined): readonly Variable[] {
  return text === undefined ? [] : [{ name, value: text.replaceAll('$', '$$$$') }]
}

function applicationPorts({ pod, annotations }: SidecarPlan): readonly number[] {
  const skipped = new Set(annotations['skip-inbound-ports'])
  const ports = lastingContainers(pod.spec)
    .flatMap(({ ports }) => ports ?? [])
    .filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP')
    .map(({ containerPort }) => containerPort)
  return [...new Set(ports)].filter(port => !skipped.has(port))
}

/** Of the sidecar, where nothing else is said. */
const defaultDrainMs = 30_000

/** Undefined: its own default. In a pod that has less time to end, a second is left for the end itself. */
function drainTimeout({ annotations, context, pod }: SidecarPlan): string | undefined {
  const asked = annotations['drain-timeout']
  if (asked !== undefined) return asked
  const { drainTimeout: usual } = context.settings
  const usualMs = usual === undefined ? defaultDrainMs : (parseDuration(usual) ?? defaultDrainMs)
  const grace = pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds
  return usualMs < grace * 1000 ? usual : `${Math.max(1, grace - 1)}s`
}
