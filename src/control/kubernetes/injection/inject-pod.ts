import { isDeepStrictEqual } from 'node:util'
import { systemNamespaces } from '../cluster-names.ts'
import type { Injection, InjectionContext, InjectionResult, SkipReason } from './injection.ts'
import { readStatus, type InjectionStatus } from './injection-status.ts'
import { readAnnotations, wishOf } from './pod/annotations.ts'
import { findConflicts } from './pod/conflicts.ts'
import { podSchema, type Pod } from './pod/pod.ts'
import type { PodProblem } from './pod/pod-problem.ts'
import { sidecarResources } from './pod/sidecar-resources.ts'
import { addSidecar } from './add-sidecar.ts'
import { removeSidecar } from './remove-sidecar.ts'

/**
 * A pod, or a pod template, with a sidecar in it. Pure, and the same for the webhook and `weft inject`: that the pod is to
 * have one is the caller's word, unless the pod itself says no.
 * @param pod `{ metadata, spec }` as plain data; it is checked here and never changed. Other fields are kept.
 */
export function injectPod(pod: unknown, context: InjectionContext): InjectionResult {
  const checked = checkPod(pod)
  if ('refused' in checked) return checked
  const { pod: present, bare, status } = checked
  const skipped = skipReason(present, context)
  if (skipped !== undefined) return { skipped }
  if (status !== undefined && context.present !== 'replace') return { skipped: 'already-injected' }
  const result = injectBare({ pod: bare, context })
  // Members in another order are no change, and the second run must not make one.
  return 'injected' in result && isDeepStrictEqual(result.injected, present)
    ? { ...result, injected: present }
    : result
}

/** Undoes {@link injectPod}: undefined when there was nothing to undo. */
export function uninjectPod(
  pod: unknown,
): { readonly uninjected: Pod } | { readonly refused: readonly PodProblem[] } | undefined {
  const checked = checkPod(pod)
  if ('refused' in checked) return checked
  return checked.status === undefined ? undefined : { uninjected: checked.bare }
}

function injectBare(injection: Injection): InjectionResult {
  const { pod, context } = injection
  const { settings } = context
  const { annotations, problems } = readAnnotations(pod)
  const mode = annotations.mode ?? settings.mode
  const resources = sidecarResources(annotations, settings)
  const refused = [
    ...problems,
    ...findConflicts(injection, annotations, mode),
    ...('problems' in resources ? resources.problems : []),
  ]
  if (refused.length > 0) return { refused }
  return addSidecar(injection, { annotations, mode, resources })
}

interface CheckedPod {
  readonly pod: Pod
  /** The same, if there is no sidecar in it. */
  readonly bare: Pod
  readonly status: InjectionStatus | undefined
}

function checkPod(data: unknown): CheckedPod | { readonly refused: readonly PodProblem[] } {
  const { error } = podSchema.safeParse(data)
  if (error) return { refused: error.issues.map(({ path, message }) => ({ path, message })) }
  // Not what the schema made of it: that has the members in another order.
  const pod = data as Pod
  const status = readStatus(pod)
  if (status === undefined) return { pod, bare: pod, status }
  if ('problem' in status) return { refused: [status.problem] }
  return { pod, bare: removeSidecar(pod, status), status }
}

function skipReason(pod: Pod, { namespace }: InjectionContext): SkipReason | undefined {
  const { hostNetwork, os, nodeSelector } = pod.spec
  if (systemNamespaces.includes(namespace)) return 'system-namespace'
  if (wishOf(pod) === false) return 'disabled'
  // Its sidecar would listen on, or capture, what is the node's.
  if (hostNetwork === true) return 'host-network'
  const system = os?.name ?? nodeSelector?.['kubernetes.io/os']
  return system === 'windows' ? 'windows' : undefined
}
