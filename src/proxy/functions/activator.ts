import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import type { Activation } from '../../discovery/message.ts'
import type { ActivationEvent, ActivationLink } from '../../discovery/subscription-client.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { Wait } from '../exchange/wait.ts'
import type { ActiveCluster } from '../upstream/cluster.ts'

export interface ActivatorOptions {
  /** Tells the control plane that requests wait for a function, `<name>.<namespace>`. */
  readonly activate: (name: string, waiting: number) => void
  readonly now: Now
  /** Longest wait of a request. Default 60000, which is also the most. */
  readonly timeoutMs?: number
  readonly limits?: ActivationLimits
}

/** Each request may hold 64 KiB of its body meanwhile, and is not read any further. */
interface ActivationLimits {
  /** Requests that wait for one function. */
  readonly perFunction: number
  /** Requests that wait for any. */
  readonly total: number
}

const defaultLimits: ActivationLimits = { perFunction: 1024, total: 2048 }
const longestTimeoutMs = 60_000
/** The control plane may have lost a call for activation, or forgotten it in a restart. */
const repeatMs = 1000
/** A stream that broke may be back soon; without one nobody says that the function runs. */
const awayGraceMs = 3000

/** Those who wait for one cluster, first come first. */
interface Awaited {
  readonly name: string
  readonly since: number
  readonly waiting: Set<Wait>
  readonly repeat: NodeJS.Timeout
  /** For the one that came first: all may wait for the same time. */
  timer: NodeJS.Timeout
  answer: Activation | undefined
}

/**
 * Holds requests for functions of which nothing runs, has the control plane start them, and lets the requests go when
 * a snapshot brings endpoints. Nothing is asked again and again: the push is the sign.
 */
export class Activator {
  /** Since the start: requests that waited, and those of them that came to nothing or were not let in. */
  readonly counters = { held: 0, failed: 0 }
  readonly #options: ActivatorOptions
  readonly #timeoutMs: number
  readonly #awaited = new Map<ActiveCluster, Awaited>()
  /** As the control plane said last. */
  readonly #coldMs = new WeakMap<ActiveCluster, number>()
  #link: ActivationLink = 'away'
  #grace: NodeJS.Timeout | undefined
  #total = 0

  constructor(options: ActivatorOptions) {
    this.#options = options
    this.#timeoutMs = Math.min(options.timeoutMs ?? longestTimeoutMs, longestTimeoutMs)
  }

  /** Requests that wait now. */
  get waiting(): number {
    return this.#total
  }

  /**
   * Takes an exchange for whose cluster there is no endpoint; `go` is called when there is one. It is failed when none
   * comes in time, and leaves by itself when its caller goes or its deadline passes.
   */
  hold(exchange: Exchange, cluster: ActiveCluster, go: () => void): void {
    const name = nameOf(cluster)
    const known = this.#awaited.get(cluster)
    const refusal = this.#refusal(exchange, cluster, known)
    if (refusal !== undefined) {
      this.counters.failed++
      return exchange.fail(refusal)
    }
    const awaited = known ?? this.#await(name, cluster)
    const waiter = new Wait(exchange, end => {
      if (end === 'ended') go()
      else this.#leave(cluster, awaited, waiter)
    })
    exchange.attempt = waiter
    awaited.waiting.add(waiter)
    this.#total++
    this.counters.held++
    if (known === undefined) this.#options.activate(name, 1)
  }

  /** What the control plane says, or whether there is one. */
  take(event: ActivationEvent): void {
    if (event.type === 'link') return this.#linkChanged(event.state)
    for (const [cluster, awaited] of this.#awaited) {
      if (awaited.name !== event.function) continue
      awaited.answer = event
      if (event.coldMs !== undefined) this.#coldMs.set(cluster, event.coldMs)
      if (event.state !== 'refused') continue
      const why = event.reason ?? 'the control plane does not say why'
      this.#fail(cluster, awaited, `${awaited.name} cannot be started: ${why}`)
    }
  }

  /** A snapshot was applied: whoever has an endpoint now goes, in the order of their coming. */
  applied(clusters: ReadonlyMap<string, ActiveCluster>): void {
    if (this.#awaited.size === 0) return
    for (const [cluster, awaited] of this.#awaited)
      if (clusters.get(cluster.name) !== cluster)
        this.#fail(cluster, awaited, `${awaited.name} is not in the mesh any more`)
      else if (cluster.endpoints.length > 0)
        for (const waiter of this.#end(cluster, awaited)) waiter.end()
  }

  /** All that wait fail. */
  close(): void {
    clearTimeout(this.#grace)
    for (const [cluster, awaited] of this.#awaited) this.#fail(cluster, awaited, 'the sidecar ends')
  }

  /** Why an exchange can't wait; undefined when it can. */
  #refusal(
    exchange: Exchange,
    cluster: ActiveCluster,
    awaited: Awaited | undefined,
  ): ExchangeError | undefined {
    const name = nameOf(cluster)
    if (this.#link === 'unsupported')
      return new ExchangeError(
        'no_healthy_endpoint',
        `${name} does not run, and this control plane cannot start it: it is too old`,
      )
    // One that has just gone may be back in time for those who wait already.
    if (this.#link === 'away' && awaited === undefined)
      return new ExchangeError(
        'no_healthy_endpoint',
        `${name} does not run, and the control plane, which could start it, is out of reach`,
      )
    return this.#isFull(awaited)
      ? new ExchangeError('function_throttled', `too many requests wait for ${name} to start`)
      : this.#lateness(exchange, cluster, awaited)
  }

  #isFull(awaited: Awaited | undefined): boolean {
    const { perFunction, total } = this.#options.limits ?? defaultLimits
    return this.#total >= total || (awaited?.waiting.size ?? 0) >= perFunction
  }

  /** Whoever would not live to see it need not wait. */
  #lateness(
    exchange: Exchange,
    cluster: ActiveCluster,
    awaited: Awaited | undefined,
  ): ExchangeError | undefined {
    const at = this.#options.now()
    const leftMs = exchange.deadlineAt - at
    const coldMs =
      (this.#coldMs.get(cluster) ?? 0) - (awaited === undefined ? 0 : at - awaited.since)
    return leftMs >= coldMs
      ? undefined
      : new ExchangeError(
          'function_throttled',
          `${nameOf(cluster)} takes ${Math.round(coldMs)} ms to start, its caller waits only ${Math.round(leftMs)} ms more`,
        )
  }

  #await(name: string, cluster: ActiveCluster): Awaited {
    const tell = (): void => this.#options.activate(name, awaited.waiting.size)
    const awaited: Awaited = {
      name,
      since: this.#options.now(),
      waiting: new Set(),
      repeat: setInterval(tell, repeatMs),
      timer: setTimeout(() => this.#expire(cluster, awaited), this.#timeoutMs),
      answer: undefined,
    }
    this.#awaited.set(cluster, awaited)
    return awaited
  }

  #linkChanged(state: ActivationLink): void {
    this.#link = state
    clearTimeout(this.#grace)
    if (state === 'ready')
      for (const { name, waiting } of this.#awaited.values())
        this.#options.activate(name, waiting.size)
    else if (state === 'unsupported') this.#failAll('this control plane cannot start it')
    else
      this.#grace = setTimeout(
        () => this.#failAll('the control plane, which was to start it, is out of reach'),
        awayGraceMs,
      )
  }

  #expire(cluster: ActiveCluster, awaited: Awaited): void {
    const { now } = this.#options
    const at = now()
    for (const waiter of awaited.waiting) {
      const leftMs = waiter.since + this.#timeoutMs - at
      if (leftMs > 0) {
        awaited.timer = setTimeout(() => this.#expire(cluster, awaited), leftMs)
        return
      }
      this.counters.failed++
      const message = `${awaited.name} did not start within ${this.#timeoutMs} ms; the control plane said: ${said(awaited.answer)}`
      waiter.fail(new ExchangeError('no_healthy_endpoint', message))
    }
  }

  #leave(cluster: ActiveCluster, awaited: Awaited, waiter: Wait): void {
    if (!awaited.waiting.delete(waiter)) return
    this.#total--
    if (awaited.waiting.size === 0) this.#end(cluster, awaited)
  }

  #failAll(why: string): void {
    for (const [cluster, awaited] of this.#awaited)
      this.#fail(cluster, awaited, `${awaited.name} does not run: ${why}`)
  }

  #fail(cluster: ActiveCluster, awaited: Awaited, message: string): void {
    for (const waiter of this.#end(cluster, awaited)) {
      this.counters.failed++
      waiter.fail(new ExchangeError('no_healthy_endpoint', message))
    }
  }

  /** First, so that who asks again while they go is a new one. @returns those who waited. */
  #end(cluster: ActiveCluster, awaited: Awaited): readonly Wait[] {
    clearInterval(awaited.repeat)
    clearTimeout(awaited.timer)
    if (this.#awaited.get(cluster) === awaited) this.#awaited.delete(cluster)
    const waiting = [...awaited.waiting]
    awaited.waiting.clear()
    this.#total -= waiting.length
    return waiting
  }
}

/** Of the function. */
function nameOf({ policy, name }: ActiveCluster): string {
  return policy.activates ?? name
}

function said(answer: Activation | undefined): string {
  if (answer === undefined) return 'nothing'
  return answer.reason === undefined ? answer.state : `${answer.state}, ${answer.reason}`
}
