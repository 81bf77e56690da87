import type { InjectionStatus } from './injection-status.ts'
import { statusAnnotation } from './pod/annotations.ts'
import { giveBackHandlers } from './pod/handlers.ts'
import { copyPod, type Pod, type PodSpec } from './pod/pod.ts'

/** Takes out what the injector put in, and puts back what it replaced. Whatever else was changed meanwhile stays. */
export function removeSidecar(injected: Pod, status: InjectionStatus): Pod {
  const pod = copyPod(injected)
  const { spec } = pod
  giveBackHandlers(pod, status.before.handlers)
  removeNamed(spec, 'containers', status.containers)
  removeNamed(spec, 'initContainers', status.initContainers)
  removeNamed(spec, 'volumes', status.volumes)
  for (const list of ['initContainers', 'volumes'] as const)
    if (status.created.includes(`spec.${list}`) && spec[list]?.length === 0) delete spec[list]
  giveBackDns(spec, status)
  removeSysctls(spec, status)
  giveBackAnnotations(pod, status)
  return pod
}

function removeNamed(
  spec: PodSpec,
  list: 'containers' | 'initContainers' | 'volumes',
  names: readonly string[],
): void {
  const items = spec[list]
  if (!items || names.length === 0) return
  Object.assign(spec, { [list]: items.filter(({ name }) => !names.includes(name)) })
}

function giveBackDns(spec: PodSpec, { before }: InjectionStatus): void {
  // Somebody may have changed it since.
  if (before.dns === undefined || spec.dnsPolicy !== 'None') return
  const { dnsPolicy, dnsConfig } = before.dns
  if (dnsPolicy === null) delete spec.dnsPolicy
  else spec.dnsPolicy = dnsPolicy
  if (dnsConfig === null) delete spec.dnsConfig
  else spec.dnsConfig = dnsConfig
}

function removeSysctls(spec: PodSpec, { sysctls, created }: InjectionStatus): void {
  const { securityContext } = spec
  if (!securityContext?.sysctls || sysctls.length === 0) return
  const left = securityContext.sysctls.filter(({ name }) => !sysctls.includes(name))
  if (left.length > 0 || !created.includes('spec.securityContext.sysctls'))
    securityContext.sysctls = left
  else delete securityContext.sysctls
  if (created.includes('spec.securityContext') && Object.keys(securityContext).length === 0)
    delete spec.securityContext
}

function giveBackAnnotations(pod: Pod, { before, created }: InjectionStatus): void {
  const { metadata } = pod
  if (!metadata?.annotations) return
  for (const [name, value] of Object.entries(before.annotations))
    if (value === null) delete metadata.annotations[name]
    else metadata.annotations[name] = value
  delete metadata.annotations[statusAnnotation]
  if (created.includes('metadata.annotations') && Object.keys(metadata.annotations).length === 0)
    delete metadata.annotations
  if (created.includes('metadata') && Object.keys(metadata).length === 0) delete pod.metadata
}
