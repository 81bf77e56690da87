import { backoff } from '../../base/backoff.ts'
import type { Now } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { Activation, FunctionLoad } from '../../discovery/message.ts'
import { qualify } from '../../model/qualified-name.ts'
import { autoscale, type AutoscaleState } from '../../functions/scaling/autoscaler.ts'
import { MeanTime } from '../../functions/scaling/mean-time.ts'
import { Demand } from './demand.ts'
import { hostsOf, type ScalingPolicy } from './scaling-policy.ts'
import type { ScaledFunction, WorkloadDriver } from './workload-driver.ts'

/** A sidecar in which requests wait. */
export interface WaitingCaller {
  readonly send: (activation: Activation) => void
}

/** The hosts of one function, as the registry has them. */
export interface KnownHosts {
  /** Names of their workloads. */
  readonly ready: readonly string[]
  /** Registered, without a stream: perhaps dead, and called all the same until their lease ends. */
  readonly disconnected: number
}

export interface FunctionScalerOptions {
  readonly driver: WorkloadDriver
  readonly hosts: () => KnownHosts
  /** Ends the registrations of so many hosts that have no stream. */
  readonly removeDisconnected: (count: number) => void
  readonly now: Now
  readonly random: Random
  readonly logger: Logger
  readonly bounds: ScalerBounds
}

export interface ScalerBounds {
  /** Of one call of a driver. Default 60000. */
  readonly driverMs: number
  /** From the driver's word that a host is started until its sidecar is ready. Default 30000. */
  readonly readyMs: number
  /** Between looks at the load, while something runs. Default 2000. */
  readonly tickMs: number
}

/** After a failed start, doubled by each further one. */
const rest = { baseMs: 500, maxMs: 30_000 }

/** How many hosts of one function there are to be, and the doing of it: one call of the driver at a time. */
export class FunctionScaler {
  readonly #options: FunctionScalerOptions
  readonly #demand = new Demand<WaitingCaller>()
  readonly #coldTime = new MeanTime()
  readonly #closed = new AbortController()
  /** Hosts that have come. */
  #met: ReadonlySet<string> = new Set()
  #fn: ScaledFunction
  #policy: ScalingPolicy
  #state: AutoscaleState | undefined
  #wanted = 0
  /** As the driver did it last; undefined: not known. */
  #applied: number | undefined
  #working: Promise<void> | undefined
  /** Why somebody has ended while the driver worked. */
  #lossMeanwhile: string | undefined
  /** Since when the first host is awaited. */
  #startedAt: number | undefined
  #failures = 0
  #refusal = ''
  #restUntil = Number.NEGATIVE_INFINITY
  #tick: NodeJS.Timeout | undefined
  #late: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined
  #stopped = false

  constructor(fn: ScaledFunction, policy: ScalingPolicy, options: FunctionScalerOptions) {
    this.#fn = fn
    this.#policy = policy
    this.#options = options
  }

  get driver(): WorkloadDriver {
    return this.#options.driver
  }

  get status() {
    return {
      function: qualify(this.#fn),
      wanted: this.#wanted,
      ready: this.#ready,
      coldMs: this.#coldTime.ms,
      refusal: this.#refusal === '' ? undefined : this.#refusal,
    }
  }

  /** Takes up what another process of ours may have left. */
  async start(): Promise<void> {
    this.#meetHosts()
    const { driver } = this.#options
    const running = await driver.current(this.#fn, this.#signal()).catch(() => undefined)
    if (this.#working !== undefined) return
    this.#applied = running
    this.#wanted = Math.max(this.#wanted, Math.min(running ?? 0, this.#policy.maxHosts))
    this.#reconcile()
  }

  update(fn: ScaledFunction, policy: ScalingPolicy): void {
    this.#fn = fn
    this.#policy = policy
    this.#endTicks()
    this.#look()
  }

  get #ready(): number {
    return this.#met.size
  }

  /** Requests wait in a sidecar. It is answered at once; a refusal may follow. */
  activate(caller: WaitingCaller, waiting: number): void {
    const at = this.#options.now()
    if (this.#ready === 0 && at < this.#restUntil) return this.#refuse(caller)
    this.#demand.waits(caller, waiting, at)
    const coldMs = this.#coldTime.ms
    const known = coldMs === undefined ? undefined : { coldMs: Math.round(coldMs) }
    caller.send({ type: 'activation', function: qualify(this.#fn), state: 'starting', ...known })
    // Something runs by what we know, but nothing that could be called: the driver shall look.
    if (this.#ready === 0 && this.#startedAt === undefined) this.#applied = undefined
    this.#look()
  }

  load(host: string, load: FunctionLoad): void {
    this.#demand.reported(host, load, this.#options.now())
    this.#look()
  }

  /** Its stream has ended. */
  callerGone(caller: WaitingCaller): void {
    this.#demand.served(caller)
  }

  hostGone(host: string): void {
    this.#demand.gone(host)
    void this.#recount('its host is gone')
  }

  /** A host has ended that was not told to. */
  lost(why: string): void {
    void this.#recount(why)
  }

  /** The registry has changed. @returns whether those who wait can be served from now on. */
  registrationsChanged(): boolean {
    const before = this.#ready
    this.#meetHosts()
    if (this.#ready === 0 || before > 0) return false
    if (this.#startedAt !== undefined) this.#coldTime.observe(this.#options.now() - this.#startedAt)
    this.#arrived()
    const { callers } = this.#demand
    for (const caller of callers) this.#demand.served(caller)
    this.#look()
    return callers.length > 0
  }

  /** Ends all hosts: the function is no more. */
  async remove(): Promise<void> {
    const { driver, logger } = this.#options
    this.#stop()
    await this.#working
    await driver
      .ensure(this.#fn, 0, this.#signal())
      .catch((error: unknown) =>
        logger.warn({ error, function: qualify(this.#fn) }, 'could not end a function'),
      )
  }

  /** What runs goes on running. */
  async close(): Promise<void> {
    this.#stop()
    this.#closed.abort()
    await this.#working
  }

  #stop(): void {
    this.#endTicks()
    clearTimeout(this.#late)
    clearTimeout(this.#retry)
    this.#wanted = 0
    this.#applied = 0
    this.#stopped = true
  }

  #meetHosts(): void {
    const { driver, hosts } = this.#options
    const met = this.#met
    this.#met = new Set(hosts().ready)
    for (const host of this.#met)
      if (!met.has(host))
        driver
          .hostReady?.(this.#fn, host, this.#signal())
          .catch((error: unknown) => this.#failed(error))
  }

  #signal(): AbortSignal {
    return AbortSignal.any([
      this.#closed.signal,
      AbortSignal.timeout(this.#options.bounds.driverMs),
    ])
  }

  /** Decides by what is there now. */
  #look(): void {
    if (this.#stopped) return
    const { maxHosts, instancesPerHost, autoscale: policy } = this.#policy
    const now = this.#options.now()
    const { concurrency, ready } = this.#demand.at(now)
    const instances = Math.max(ready, this.#ready)
    const observation = { now, concurrency, present: concurrency, ready: instances }
    const { state, desired } = autoscale(policy, this.#state, observation)
    this.#state = state
    // Nothing has been seen of the load, but those who wait for the first are all there.
    const awaited = this.#ready === 0 ? Math.ceil(concurrency / this.#policy.concurrency) : 0
    this.#wanted = Math.min(maxHosts, hostsOf(Math.max(desired, awaited), instancesPerHost))
    this.#reconcile()
  }

  #reconcile(): void {
    if (this.#stopped) return
    const runs = this.#wanted > 0 || this.#applied !== 0 || this.#ready > 0
    if (!runs) this.#endTicks()
    else this.#tick ??= setInterval(() => this.#look(), this.#tickMs)
    if (this.#working !== undefined || this.#wanted === this.#applied) return
    const restMs = this.#restUntil - this.#options.now()
    clearTimeout(this.#retry)
    if (restMs > 0) this.#retry = setTimeout(() => this.#reconcile(), restMs)
    else this.#working = this.#ensure(this.#wanted)
  }

  /** Calls the driver before it first waits. */
  async #ensure(hosts: number): Promise<void> {
    const { driver, logger, now, bounds } = this.#options
    const fewer = hosts < (this.#applied ?? 0)
    if (hosts > 0 && this.#ready === 0) this.#startedAt ??= now()
    logger.info({ function: qualify(this.#fn), hosts }, 'scales a function')
    try {
      await driver.ensure(this.#fn, hosts, this.#signal())
      this.#applied = hosts
      if (hosts === 0) this.#expectsNone()
      else if (this.#startedAt !== undefined) this.#expectHost(bounds.readyMs)
    } catch (error) {
      this.#failed(error)
    }
    this.#working = undefined
    const loss = this.#lossMeanwhile ?? (fewer ? '' : undefined)
    this.#lossMeanwhile = undefined
    if (loss !== undefined) void this.#recount(loss)
    this.#reconcile()
  }

  /** The autoscaler forgets what it knew where nobody looks for a whole window. */
  get #tickMs(): number {
    return Math.min(this.#options.bounds.tickMs, this.#policy.autoscale.stableWindowMs / 4)
  }

  #endTicks(): void {
    clearInterval(this.#tick)
    this.#tick = undefined
  }

  #expectHost(readyMs: number): void {
    clearTimeout(this.#late)
    this.#late = setTimeout(
      () => this.#failed(`it was started, and its sidecar did not come within ${readyMs} ms`),
      readyMs,
    )
  }

  #expectsNone(): void {
    clearTimeout(this.#late)
    this.#startedAt = undefined
  }

  #arrived(): void {
    this.#expectsNone()
    this.#failures = 0
    this.#refusal = ''
    this.#restUntil = Number.NEGATIVE_INFINITY
  }

  #failed(reason: unknown): void {
    if (this.#stopped) return
    const { now, random, logger } = this.#options
    this.#expectsNone()
    this.#applied = undefined
    this.#restUntil = now() + backoff(++this.#failures, rest, random)
    this.#refusal = sentenceOf(reason)
    logger.warn(
      { function: qualify(this.#fn), reason: this.#refusal },
      'could not scale a function',
    )
    if (this.#ready > 0) return
    for (const caller of this.#demand.callers) this.#refuse(caller)
    // Nobody waits any more, and what is half there is to go; who comes later asks again.
    this.#state = undefined
    this.#wanted = 0
    this.#reconcile()
  }

  #refuse(caller: WaitingCaller): void {
    this.#demand.served(caller)
    caller.send({
      type: 'activation',
      function: qualify(this.#fn),
      state: 'refused',
      reason: this.#refusal,
    })
  }

  /** Somebody has ended: the driver knows what is left, and hosts that died keep no callers. */
  async #recount(why: string): Promise<void> {
    if (this.#stopped) return
    if (this.#working !== undefined) {
      this.#lossMeanwhile = why
      return
    }
    const { driver, hosts, removeDisconnected } = this.#options
    const running = await driver.current(this.#fn, this.#signal()).catch(() => undefined)
    if (running === undefined || this.#stopped || this.#working !== undefined) return
    const { ready, disconnected } = hosts()
    removeDisconnected(Math.min(disconnected, Math.max(0, ready.length - running)))
    if (running >= (this.#applied ?? this.#wanted)) return
    this.#applied = running
    if (this.#startedAt !== undefined && running === 0) this.#failed(why)
    else this.#reconcile()
  }
}

const longestReason = 500

function sentenceOf(reason: unknown): string {
  const text = reason instanceof Error ? reason.message : String(reason)
  return text.slice(0, longestReason)
}
