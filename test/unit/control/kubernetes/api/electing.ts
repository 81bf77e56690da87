import { mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Test } from 'tap'
import { silentLogger } from '../../../../../src/base/log.ts'
import {
  KubernetesError,
  type KubernetesRequest,
} from '../../../../../src/control/kubernetes/api/kubernetes-api.ts'
import {
  LeaderElection,
  type LeaderElectionOptions,
} from '../../../../../src/control/kubernetes/api/leader-election.ts'
import type { Lease, LeaseSpec } from '../../../../../src/control/kubernetes/api/lease.ts'
import { mockTime } from '../../../../support/mock-time.ts'

/** What happens to a request: it is lost, or its answer is, or one of them comes late. */
export interface LeaseFault {
  readonly lost?: 'request' | 'answer'
  readonly requestMs?: number
  readonly answerMs?: number
}

/** One Lease, as the API server keeps it, at the end of a network. */
class FakeLease {
  lease: Lease | undefined
  requests: string[] = []
  fault: (method: string) => LeaseFault | undefined = () => undefined
  #version = 0

  get spec(): LeaseSpec {
    return this.lease?.spec ?? {}
  }

  write(lease: Lease): Lease {
    const resourceVersion = String(++this.#version)
    this.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion } }
    return this.lease
  }

  request = async ({ method, body, path }: KubernetesRequest): Promise<unknown> => {
    this.requests.push(`${method} ${path}`)
    const { lost, requestMs = 0, answerMs = 0 } = this.fault(method) ?? {}
    if (requestMs > 0) await pass(requestMs)
    if (lost === 'request') throw new KubernetesError('lost on the way')
    const answer = this.#answer(method, body as Lease)
    if (answerMs > 0) await pass(answerMs)
    if (lost === 'answer') throw new KubernetesError('its answer was lost')
    if (answer instanceof KubernetesError) throw answer
    return answer
  }

  #answer(method: string, lease: Lease): Lease | KubernetesError {
    const there = this.lease
    if (method === 'POST' && there !== undefined)
      return new KubernetesError('exists', { status: 409, reason: 'AlreadyExists' })
    if (method !== 'POST' && there === undefined) return new KubernetesError('no', { status: 404 })
    if (method === 'GET') return there as Lease
    const { resourceVersion } = lease.metadata
    if (method === 'PUT' && resourceVersion !== there?.metadata.resourceVersion)
      return new KubernetesError('changed', { status: 409, reason: 'Conflict' })
    return this.write(lease)
  }
}

function pass(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

export interface Elections {
  readonly lease: FakeLease
  readonly start: (identity: string, changes?: Partial<LeaderElectionOptions>) => Candidate
  /** Time passes, in tenths of a second. */
  readonly pass: (ms: number, eachStep?: () => void) => Promise<void>
  /** Who leads now. */
  readonly leaders: () => string[]
}

interface Candidate {
  readonly identity: string
  readonly election: LeaderElection
  /** What it was told. */
  readonly changes: boolean[]
}

const stepMs = 100

export function holdElections(t: Test): Elections {
  mockTime(t)
  const lease = new FakeLease()
  const candidates: Candidate[] = []
  let time = 1_000_000
  return {
    lease,
    start(identity, more = {}) {
      const changes: boolean[] = []
      const election = LeaderElection.start({
        api: lease,
        namespace: 'weft-system',
        name: 'weft-control',
        identity,
        logger: silentLogger,
        now: () => time,
        wallNow: () => Date.UTC(2026, 0, 1) + time,
        random: () => 0.5,
        onChange: isLeader => void changes.push(isLeader),
        ...more,
      })
      const candidate = { identity, election, changes }
      candidates.push(candidate)
      return candidate
    },
    async pass(ms, eachStep) {
      for (let passed = 0; passed < ms; passed += stepMs) {
        time += stepMs
        mock.timers.tick(stepMs)
        await nextTurn()
        eachStep?.()
      }
    },
    leaders: () =>
      candidates.filter(({ election }) => election.isLeader).map(({ identity }) => identity),
  }
}
