import { addresses } from '../cluster/network.ts'
import type { Condition, Container, ContainerStatus, Pod } from '../cluster/objects.ts'
import { timestamp } from './container.ts'

export interface PodState {
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed'
  readonly podIp: string | undefined
  readonly startTime: string
  readonly initialized: boolean
  /** By name; absent: not begun. */
  readonly statuses: ReadonlyMap<string, ContainerStatus>
}

/** What the kubelet writes of a pod. Conditions of others stay, and times of those that did not change. */
export function statusOf(pod: Pod, state: PodState): object {
  const { spec, status = {} } = pod
  const { phase, podIp, startTime } = state
  const sidecars = (spec.initContainers ?? []).filter(each => each.restartPolicy === 'Always')
  const isReady = ({ name }: Container): boolean => state.statuses.get(name)?.ready === true
  const ready = phase === 'Running' && [...spec.containers, ...sidecars].every(isReady)
  const conditions = {
    PodReadyToStartContainers: podIp !== undefined,
    Initialized: state.initialized,
    ContainersReady: ready,
    Ready: ready,
  }
  const all = (containers: readonly Container[] = []): ContainerStatus[] =>
    containers.map(container => state.statuses.get(container.name) ?? notBegun(container))
  return {
    phase,
    hostIP: addresses.node,
    ...(podIp && { podIP: podIp, podIPs: [{ ip: podIp }] }),
    startTime,
    conditions: withConditions(status.conditions ?? [], conditions),
    initContainerStatuses: all(spec.initContainers),
    containerStatuses: all(spec.containers),
  }
}

function withConditions(
  old: readonly Condition[],
  wanted: Readonly<Record<string, boolean>>,
): Condition[] {
  const others = old.filter(({ type }) => !(type in wanted))
  const own = Object.entries(wanted).map(([type, value]): Condition => {
    const status = value ? 'True' : 'False'
    const before = old.find(each => each.type === type)
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : undefined
    return { type, status, lastTransitionTime: lastTransitionTime ?? timestamp() }
  })
  return [...others, ...own]
}

function notBegun({ name, image }: Container): ContainerStatus {
  const state = { waiting: { reason: 'PodInitializing' } }
  return { name, image, imageID: '', ready: false, started: false, restartCount: 0, state }
}
