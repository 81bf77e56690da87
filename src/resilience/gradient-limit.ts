import type { AdaptiveConcurrencyPolicy } from '../model/policy/adaptive-concurrency.ts'
import type { ConcurrencyLimit } from './concurrency-limit.ts'

/** Latencies that one step is computed from; fewer make the window longer. */
const fewestSamples = 5
/** Of one window; later ones are not kept. */
const mostSamples = 256

/** One step changes the limit by no more than this. */
const steepestFall = 0.5
const steepestRise = 2

/** With so small a part of the limit in flight, a window is as good as one without load. */
const idleShare = 0.25

/** Where a limit begins that nothing is known of, and after how many windows its first guess is verified. */
const firstLimit = 100
const firstProbeWindows = 10

/**
 * Sets the `max` of a {@link ConcurrencyLimit} by the latency that its requests see, as Envoy's gradient controller:
 * `limit × (latency without load / latency) + √limit`, once a window. The latency without load is the lowest median of
 * the last probe interval; when none was as low for so long, the limit goes down to its least for one window, for under
 * load nothing else shows it. Whoever observes latencies makes what is answered exempt from the limit: streams and
 * tunnels would fill it for hours, and tell nothing.
 */
export class GradientLimit {
  readonly #policy: AdaptiveConcurrencyPolicy
  readonly #limit: ConcurrencyLimit
  readonly #ceiling: number
  readonly #samples = new Float64Array(mostSamples)
  #count = 0
  #windowEndsAt = Number.NEGATIVE_INFINITY
  #mostActive = 0
  /** As computed, before it is rounded. */
  #value: number
  #unloadedMs = Number.POSITIVE_INFINITY
  #probeAt = Number.POSITIVE_INFINITY
  /** `draining`: what began before the probe, and is slow, is still in flight. */
  #probe: 'none' | 'draining' | 'measuring' = 'none'
  #beforeProbe = 0

  /** @param ceiling that no latency lifts it over. */
  constructor(policy: AdaptiveConcurrencyPolicy, limit: ConcurrencyLimit, ceiling: number) {
    this.#policy = policy
    this.#limit = limit
    this.#ceiling = Math.max(1, Math.min(ceiling, policy.maxLimit))
    this.#value = Math.min(this.#ceiling, Math.max(policy.minLimit, firstLimit))
    this.#set(this.#value)
  }

  /** Median latency without load in ms; Infinity as long as nothing is known. */
  get unloadedMs(): number {
    return this.#unloadedMs
  }

  /** An answer came that says how fast the upstream is. @param now monotonic ms. */
  observe(latencyMs: number, now: number): void {
    const { counted: active } = this.#limit
    if (this.#probe === 'draining') return this.#drain(active, now)
    if (active > this.#mostActive) this.#mostActive = active
    if (this.#count < mostSamples) this.#samples[this.#count++] = latencyMs
    if (now < this.#windowEndsAt || this.#count < fewestSamples) return
    const median = this.#median()
    this.#startWindow(now)
    if (this.#probe === 'measuring') this.#endProbe(median, now)
    else this.#step(median, now)
    this.#mostActive = active
  }

  #startWindow(now: number): void {
    this.#count = 0
    this.#windowEndsAt = now + this.#policy.windowMs
  }

  #median(): number {
    const sorted = this.#samples.subarray(0, this.#count).sort()
    return sorted[this.#count >> 1] ?? 0
  }

  #step(latencyMs: number, now: number): void {
    const isIdle = this.#mostActive <= Math.max(1, this.#value * idleShare)
    const isFirst = this.#unloadedMs === Number.POSITIVE_INFINITY
    if (latencyMs <= this.#unloadedMs || (isIdle && now >= this.#probeAt))
      this.#learn(latencyMs, now)
    if (isFirst && !isIdle) this.#probeAt = now + this.#policy.windowMs * firstProbeWindows
    if (now >= this.#probeAt) return this.#startProbe()
    const { tolerance, minLimit } = this.#policy
    const wanted = (this.#unloadedMs * (1 + tolerance)) / Math.max(latencyMs, Number.MIN_VALUE)
    const gradient = Math.min(steepestRise, Math.max(steepestFall, wanted))
    const next = this.#value * gradient + Math.sqrt(this.#value)
    // A limit that nobody comes near has not been tried: it may fall, but must not grow.
    if (next > this.#value && this.#mostActive < this.#value / 2) return
    this.#set(Math.max(minLimit, next))
  }

  #startProbe(): void {
    this.#probe = 'draining'
    this.#beforeProbe = this.#value
    this.#set(this.#policy.minLimit)
  }

  #drain(active: number, now: number): void {
    if (active > this.#policy.minLimit) return
    this.#probe = 'measuring'
    this.#startWindow(now)
  }

  #endProbe(latencyMs: number, now: number): void {
    this.#probe = 'none'
    this.#learn(latencyMs, now)
    this.#set(this.#beforeProbe)
  }

  #learn(latencyMs: number, now: number): void {
    this.#unloadedMs = latencyMs
    this.#probeAt = now + this.#policy.probeIntervalMs
  }

  #set(value: number): void {
    this.#value = Math.min(this.#ceiling, value)
    this.#limit.max = Math.max(1, Math.floor(this.#value))
  }
}
