import { wallNow, type Now } from '../../../base/clock.ts'
import type { Logger } from '../../../base/log.ts'
import { jitter, type Random } from '../../../base/random.ts'
import { KubernetesError, type KubernetesApi } from './kubernetes-api.ts'
import { microTime, readLease, writeLease, type Lease, type LeaseSpec } from './lease.ts'
import { pause } from '../../../base/pause.ts'

export interface LeaderElectionOptions {
  readonly api: Pick<KubernetesApi, 'request'>
  readonly namespace: string
  /** Of the Lease. */
  readonly name: string
  /** Ours, and nobody else's: the name of the pod. */
  readonly identity: string
  readonly logger: Logger
  /** Monotonic. */
  readonly now: Now
  /** For what people read in the Lease; nothing depends upon it. Default: the system's clock. */
  readonly wallNow?: Now
  readonly random: Random
  /** How long others leave a leader alone that does not renew. Default: 15 000. */
  readonly leaseMs?: number
  /** Between two attempts, to lead or to go on. Default: 2/15 of `leaseMs`, as client-go's. */
  readonly renewMs?: number
  /** After each change. Who ceases to lead has a third of `leaseMs` until another may begin. */
  onChange(isLeader: boolean): void
}

export interface LeaderElectionStatus {
  readonly isLeader: boolean
  /** As last seen. */
  readonly holder: string | undefined
  readonly failures: number
  readonly lastError: string | undefined
}

/** What a Lease may claim at most before it is taken over. */
const longestLeaseMs = 300_000

/**
 * One of several replicas leads: who holds a Lease and renews it (as client-go's leaderelection). The times in it are
 * others' and are not believed: it is free when we have not seen it change for as long as it is given for. We lead for
 * two thirds of that from before the last renewal was sent, so that two lead at no time unless their clocks run
 * differently fast by half.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions
  readonly #leaseMs: number
  readonly #renewMs: number
  readonly #closing = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #leadUntil = Number.NEGATIVE_INFINITY
  /** As we wrote it last; undefined: it has to be read first. */
  #mine: Lease | undefined
  #seen: { readonly text: string; readonly at: number } | undefined
  #holder: string | undefined
  #announced = false
  #expiry: NodeJS.Timeout | undefined
  #failures = 0
  #lastError: string | undefined

  static start(options: LeaderElectionOptions): LeaderElection {
    const election = new LeaderElection(options)
    election.#running = election.#run()
    return election
  }

  private constructor(options: LeaderElectionOptions) {
    this.#options = options
    this.#leaseMs = options.leaseMs ?? 15_000
    this.#renewMs = options.renewMs ?? (this.#leaseMs * 2) / 15
  }

  /** By the clock, at this very moment. */
  get isLeader(): boolean {
    return this.#options.now() < this.#leadUntil
  }

  get status(): LeaderElectionStatus {
    const { isLeader } = this
    return {
      isLeader,
      holder: this.#holder,
      failures: this.#failures,
      lastError: this.#lastError,
    }
  }

  /** Gives the Lease back, so that another leads at once: what only a leader does should have ended before. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    this.#resign()
    await this.#release().catch((error: unknown) =>
      this.#options.logger.warn({ error }, 'the lease was not given back, and runs out by itself'),
    )
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      await this.#attempt()
      const waitMs = jitter(this.#renewMs, 0.1, this.#options.random)
      await pause(waitMs, signal)
    }
  }

  async #attempt(): Promise<void> {
    try {
      await (this.#mine === undefined ? this.#contend() : this.#renew(this.#mine))
      this.#lastError = undefined
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#report(error as Error)
    }
    this.#announce()
  }

  #report(error: Error): void {
    this.#failures++
    const isNews = error.message !== this.#lastError
    this.#lastError = error.message
    this.#options.logger[isNews ? 'warn' : 'debug']({ error }, 'the lease cannot be had or renewed')
  }

  /** Nobody else may have written it since we did; who did has to be looked at. */
  async #renew(lease: Lease): Promise<void> {
    try {
      await this.#hold(lease)
    } catch (error) {
      if (!isConflict(error) && !isMissing(error)) throw error
      this.#mine = undefined
      await this.#contend()
    }
  }

  async #contend(): Promise<void> {
    const { namespace, name, identity } = this.#options
    const lease = await readLease(this.#options, this.#signal())
    if (lease !== undefined && !this.#isFree(lease)) return this.#resign()
    try {
      await this.#hold(lease ?? { metadata: { name, namespace } })
    } catch (error) {
      // Another was faster. That is no failure, and it shows in the next round.
      if (!isConflict(error)) throw error
      if (lease?.spec?.holderIdentity !== identity) this.#resign()
    }
  }

  /** Also ours, as when we come back. */
  #isFree({ spec = {} }: Lease): boolean {
    const { now, identity } = this.#options
    const { holderIdentity = '', leaseDurationSeconds } = spec
    this.#holder = holderIdentity === '' ? undefined : holderIdentity
    const text = JSON.stringify(spec)
    if (this.#seen?.text !== text) this.#seen = { text, at: now() }
    if (holderIdentity === '' || holderIdentity === identity) return true
    const givenMs = Number(leaseDurationSeconds) * 1000 || 0
    const leaseMs = Math.min(Math.max(givenMs, this.#leaseMs), longestLeaseMs)
    return now() - this.#seen.at > leaseMs
  }

  async #hold(lease: Lease): Promise<void> {
    const { now, identity } = this.#options
    const sentAt = now()
    this.#mine = await writeLease(
      this.#options,
      { ...lease, spec: this.#held(lease.spec ?? {}) },
      this.#signal(),
    )
    this.#holder = identity
    this.#leadUntil = sentAt + (this.#leaseMs * 2) / 3
    this.#watchExpiry()
  }

  #held(spec: LeaseSpec): LeaseSpec {
    const { identity, wallNow: wall = wallNow } = this.#options
    const time = microTime(wall())
    const isOurs = spec.holderIdentity === identity
    const { leaseTransitions = 0 } = spec
    return {
      ...spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#leaseMs / 1000),
      acquireTime: isOurs ? (spec.acquireTime ?? time) : time,
      renewTime: time,
      leaseTransitions: isOurs ? leaseTransitions : leaseTransitions + 1,
    }
  }

  /** A request that hangs must not keep us from saying that we do not lead any more. */
  #watchExpiry(): void {
    clearTimeout(this.#expiry)
    const leftMs = Math.max(1, this.#leadUntil - this.#options.now())
    this.#expiry = setTimeout(() => {
      // Timers may be early.
      if (this.isLeader) this.#watchExpiry()
      else this.#announce()
    }, leftMs)
  }

  #resign(): void {
    this.#mine = undefined
    this.#leadUntil = Number.NEGATIVE_INFINITY
    clearTimeout(this.#expiry)
    this.#announce()
  }

  #announce(): void {
    const { isLeader } = this
    if (isLeader === this.#announced) return
    this.#announced = isLeader
    const { logger, name, identity } = this.#options
    logger.info({ lease: name, identity }, isLeader ? 'leads' : 'leads no longer')
    this.#options.onChange(isLeader)
  }

  async #release(): Promise<void> {
    const signal = AbortSignal.timeout(this.#leaseMs / 3)
    const lease = await readLease(this.#options, signal)
    if (lease?.spec?.holderIdentity !== this.#options.identity) return
    const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 }
    await writeLease(this.#options, { ...lease, spec }, signal)
  }

  #signal(): AbortSignal {
    return AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#leaseMs / 3)])
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 409
}

function isMissing(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 404
}
