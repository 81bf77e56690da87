// Pods in which a sidecar would not work, or break what works: better refused with a word than found out at run time.
import { parseDuration } from '../../../../base/duration.ts'
import type { Injection } from '../injection.ts'
import { pathOf, type PodAnnotations } from './annotations.ts'
import { defaultGraceSeconds, isNativeSidecar, type PodSpec } from './pod.ts'
import { lowPortsSysctl } from './pod-dns.ts'
import type { PodProblem } from './pod-problem.ts'
import { takenPorts } from './ports.ts'
import { proxyName } from '../../cluster-names.ts'
import { initName, sidecarUser, sidecarVolumes } from './sidecar-container.ts'

type Mode = 'dns' | 'transparent'

export function findConflicts(
  { pod, context }: Injection,
  annotations: PodAnnotations,
  mode: Mode,
): readonly PodProblem[] {
  const { spec } = pod
  return [
    ...takenNames(spec),
    ...conflictingPorts(spec, mode),
    ...conflictingUsers(spec, mode),
    ...conflictingDrain(spec, annotations),
    ...(mode === 'dns' ? dnsConflicts(spec, annotations) : []),
    ...(annotations['native-sidecar'] === false
      ? legacyConflicts(spec, mode, context.workloadKind)
      : []),
  ]
}

function takenNames({ containers, initContainers, volumes }: PodSpec): readonly PodProblem[] {
  const problems: PodProblem[] = []
  const look = (list: string, items: PodSpec['volumes'], names: ReadonlySet<string>): void =>
    items?.forEach(({ name }, index) => {
      const message = `the name ${name} is taken by Weft: give it another`
      if (names.has(name)) problems.push({ path: ['spec', list, index, 'name'], message })
    })
  const ours = new Set([proxyName, initName])
  look('containers', containers, ours)
  look('initContainers', initContainers, ours)
  look('volumes', volumes, new Set(sidecarVolumes.map(({ name }) => name)))
  return problems
}

function conflictingPorts({ containers, initContainers }: PodSpec, mode: Mode): PodProblem[] {
  const taken = takenPorts(mode)
  const lists = { initContainers: initContainers ?? [], containers }
  return Object.entries(lists).flatMap(([list, items]) =>
    items.flatMap((container, index) =>
      (container.ports ?? []).flatMap(({ containerPort }, at) => {
        if (!taken.has(containerPort)) return []
        if (list === 'initContainers' && !isNativeSidecar(container)) return []
        const advice =
          containerPort === 53 ? 'annotate weft.dev/mode: transparent' : 'take another port'
        return {
          path: ['spec', list, index, 'ports', at, 'containerPort'],
          message: `${containerPort} is a port of the sidecar: ${advice}, or weft.dev/inject: "false"`,
        }
      }),
    ),
  )
}

function conflictingUsers(spec: PodSpec, mode: Mode): PodProblem[] {
  const { containers, initContainers, securityContext, shareProcessNamespace } = spec
  if (mode === 'dns' && shareProcessNamespace !== true) return []
  const message =
    mode === 'transparent'
      ? `${sidecarUser} is the sidecar's user, whose connections are not captured: take another, or annotate weft.dev/mode: dns`
      : `${sidecarUser} is the sidecar's user, whose files its processes could read: take another, or shareProcessNamespace: false`
  const path = ['securityContext', 'runAsUser']
  const users = [
    { user: securityContext?.runAsUser, path: ['spec', ...path] },
    ...containers.map((container, index) => ({
      user: container.securityContext?.runAsUser,
      path: ['spec', 'containers', index, ...path],
    })),
    ...(initContainers ?? []).map((container, index) => ({
      user: container.securityContext?.runAsUser,
      path: ['spec', 'initContainers', index, ...path],
    })),
  ]
  return users.filter(({ user }) => user === sidecarUser).map(({ path }) => ({ path, message }))
}

function conflictingDrain(
  { terminationGracePeriodSeconds }: PodSpec,
  { 'drain-timeout': asked }: PodAnnotations,
): PodProblem[] {
  const graceSeconds = terminationGracePeriodSeconds ?? defaultGraceSeconds
  if (asked === undefined || (parseDuration(asked) ?? 0) <= graceSeconds * 1000) return []
  const message = `${asked} is longer than the pod's terminationGracePeriodSeconds of ${graceSeconds}: raise that too`
  return [{ path: pathOf('weft.dev/drain-timeout'), message }]
}

function dnsConflicts(spec: PodSpec, annotations: PodAnnotations): PodProblem[] {
  const problems: PodProblem[] = []
  if (annotations['skip-outbound-ports'] !== undefined)
    problems.push({
      path: pathOf('weft.dev/skip-outbound-ports'),
      message:
        'needs weft.dev/mode: transparent; in DNS mode nothing is captured, and names of the mesh lead to the sidecar at any port',
    })
  const sysctls = spec.securityContext?.sysctls ?? []
  const index = sysctls.findIndex(({ name }) => name === lowPortsSysctl.name)
  const value = sysctls[index]?.value
  if (value !== undefined && Number(value) > 53)
    problems.push({
      path: ['spec', 'securityContext', 'sysctls', index, 'value'],
      message: `DNS mode needs port 53, and those of Services: make it "0", or annotate weft.dev/mode: transparent`,
    })
  return problems
}

function legacyConflicts(spec: PodSpec, mode: Mode, kind: string | undefined): PodProblem[] {
  const path = pathOf('weft.dev/native-sidecar')
  const problems: PodProblem[] = []
  const ends = (spec.restartPolicy ?? 'Always') !== 'Always' || kind === 'Job' || kind === 'CronJob'
  if (ends)
    problems.push({ path, message: 'a pod that is to end would not: its sidecar goes on for ever' })
  if (mode === 'dns' && (spec.initContainers?.length ?? 0) > 0)
    problems.push({
      path,
      message:
        'the init containers would have no DNS, as they run before the sidecar: annotate weft.dev/mode: transparent',
    })
  return problems
}
