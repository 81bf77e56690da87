import type { Injection, InjectionResult } from './injection.ts'
import type { InjectionStatus } from './injection-status.ts'
import { statusAnnotation, type PodAnnotations } from './pod/annotations.ts'
import { takeOverHandlers } from './pod/handlers.ts'
import { copyPod, type Pod, type PodSpec } from './pod/pod.ts'
import { lowPortsSysctl, podDns } from './pod/pod-dns.ts'
import { takeOverScraping } from './pod/scraping.ts'
import {
  initContainer,
  legacyProxyContainer,
  proxyContainer,
  sidecarVolumes,
  type SidecarPlan,
} from './pod/sidecar-container.ts'

interface Wanted {
  readonly annotations: PodAnnotations
  readonly mode: 'dns' | 'transparent'
  readonly resources: object
}

/** Puts the sidecar into a pod that has none, and in which nothing stands against it. */
export function addSidecar({ pod: bare, context }: Injection, wanted: Wanted): InjectionResult {
  const { annotations, mode, resources } = wanted
  const pod = copyPod(bare)
  const notes: string[] = []
  const status: InjectionStatus = {
    version: context.version,
    mode,
    initContainers: [],
    containers: [],
    volumes: [],
    sysctls: [],
    created: [],
    before: { annotations: {}, handlers: {} },
  }
  const rewrite = annotations['rewrite-probes'] ?? true
  const { probes, originals } = rewrite ? takeOverHandlers(pod) : { probes: {}, originals: {} }
  status.before.handlers = originals
  const scraping = takeOverScraping(pod)
  if (scraping.note !== undefined) notes.push(scraping.note)
  const dns = mode === 'dns' ? podDns(pod.spec, context.namespace, context.settings) : undefined
  if (dns?.note !== undefined) notes.push(dns.note)
  addContainers(
    {
      pod,
      context,
      annotations,
      mode,
      resources,
      probes,
      controlPlane: controlPlaneOf(context.settings, dns?.needsWholeNames ?? false),
      ...(scraping.application !== undefined && { applicationMetrics: scraping.application }),
      ...(dns !== undefined && { dnsUpstreams: dns.upstreams }),
    },
    status,
  )
  if (dns !== undefined) useDns(pod.spec, dns, status)
  annotate(pod, { ...scraping.annotations, ...defaultContainer(bare) }, status)
  // Constants of ours stay ours.
  return { injected: copyPod(pod), notes }
}

function controlPlaneOf(
  { controlPlane, clusterDomain }: Injection['context']['settings'],
  needsWholeNames: boolean,
): string {
  return needsWholeNames ? controlPlane.replace(/\.svc:/, `.svc.${clusterDomain}:`) : controlPlane
}

function addContainers(plan: SidecarPlan, status: InjectionStatus): void {
  const { spec } = plan.pod
  const native = plan.annotations['native-sidecar'] ?? true
  const first = plan.mode === 'transparent' ? [initContainer(plan)] : []
  const init = native ? [...first, proxyContainer(plan)] : first
  const legacy = native ? [] : [legacyProxyContainer(plan)]
  if (init.length > 0) {
    const others = spec.initContainers ?? []
    if (!spec.initContainers) status.created.push('spec.initContainers')
    // Where the sidecar starts after them, what init containers send must not be captured.
    spec.initContainers = native ? [...init, ...others] : [...others, ...init]
  }
  spec.containers = [...legacy, ...spec.containers]
  if (!spec.volumes) status.created.push('spec.volumes')
  spec.volumes = [...(spec.volumes ?? []), ...sidecarVolumes]
  status.initContainers = init.map(({ name }) => name)
  status.containers = legacy.map(({ name }) => name)
  status.volumes = sidecarVolumes.map(({ name }) => name)
}

function useDns(spec: PodSpec, dns: ReturnType<typeof podDns>, status: InjectionStatus): void {
  status.before.dns = { dnsPolicy: spec.dnsPolicy ?? null, dnsConfig: spec.dnsConfig ?? null }
  spec.dnsPolicy = dns.dnsPolicy
  spec.dnsConfig = dns.dnsConfig
  const sysctls = spec.securityContext?.sysctls
  if (sysctls?.some(({ name }) => name === lowPortsSysctl.name)) return
  if (!spec.securityContext) status.created.push('spec.securityContext')
  if (!sysctls) status.created.push('spec.securityContext.sysctls')
  spec.securityContext = {
    ...spec.securityContext,
    sysctls: [...(sysctls ?? []), lowPortsSysctl],
  }
  status.sysctls.push(lowPortsSysctl.name)
}

/** So that `kubectl logs` and `kubectl exec` find the application, wherever the sidecar stands. */
function defaultContainer({ metadata, spec }: Pod): Record<string, string> {
  const name = spec.containers[0]?.name ?? ''
  const written = metadata?.annotations ?? {}
  const annotations: Record<string, string> = {}
  for (const key of ['default-container', 'default-logs-container']) {
    const whole = `kubectl.kubernetes.io/${key}`
    if (written[whole] === undefined) annotations[whole] = name
  }
  return annotations
}

function annotate(
  pod: Pod,
  annotations: Readonly<Record<string, string>>,
  status: InjectionStatus,
): void {
  const written = pod.metadata?.annotations ?? {}
  if (!pod.metadata) status.created.push('metadata')
  if (!pod.metadata?.annotations) status.created.push('metadata.annotations')
  for (const name of Object.keys(annotations))
    status.before.annotations[name] = written[name] ?? null
  const all = { ...written, ...annotations, [statusAnnotation]: JSON.stringify(status) }
  pod.metadata = { ...pod.metadata, annotations: all }
}
