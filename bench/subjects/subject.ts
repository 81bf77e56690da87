import type { Payload, Protocol, Topology } from '../bench-case.ts'
import type { Child } from '../setting/child.ts'
import { ChildGroup } from '../setting/child-group.ts'
import { carries } from '../setting/probe.ts'

/** Something that stands between client and backend. */
export interface Subject {
  /** Unique in its topology. */
  readonly name: string
  readonly topology: Topology
  /** What it can carry as such. */
  readonly protocols: readonly Protocol[]
  /** What it needs and does not find here; undefined when it can start. */
  missing(): string | undefined
  /** Starts all its programs in `group`, whoever calls stops them there. */
  start(group: ChildGroup, upstream: Upstream): Promise<StartedSubject>
}

/** The backend's port for what is to be carried. */
export interface Upstream {
  readonly port: number
  readonly protocol: Protocol
}

interface StartedSubject {
  /** Where the client connects. */
  readonly port: number
  /** What is measured, in the order of a request's way; a control plane, say, is not. */
  readonly proxies: readonly Proxy[]
}

interface Proxy {
  /** `outbound` and `inbound` of a pair, `proxy` of a hop. */
  readonly role: string
  readonly child: Child
}

/** Ready for load. */
export interface RunningSubject {
  readonly name: string
  readonly port: number
  readonly proxies: readonly Proxy[]
  stop(): Promise<void>
}

/** Returns when the payload has come through the subject once; stops what was started if it does not. */
export async function runSubject(
  subject: Subject,
  backendPort: number,
  payload: Payload,
): Promise<RunningSubject> {
  const group = new ChildGroup()
  try {
    const upstream = { port: backendPort, protocol: payload.protocol }
    const { port, proxies } = await subject.start(group, upstream)
    await group.waitFor(`answer through ${subject.name}`, () => carries(port, payload))
    return { name: subject.name, port, proxies, stop: () => group.stop() }
  } catch (error) {
    await group.stop()
    throw error
  }
}
