import type { Dispatcher } from 'undici'
import { jitter, type Random } from '../../base/random.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'
import type { HealthCheckPolicy } from '../../model/cluster.ts'

/** Ends a check. */
export type StopCheck = () => void

export interface HealthCheckOptions {
  readonly target: SocketAddress
  readonly policy: HealthCheckPolicy
  readonly random: Random
  /** The verdict before the first result. Default true. */
  readonly healthy?: boolean
  /** Called when the verdict changes, and never after the check was stopped. */
  readonly onChange: (healthy: boolean) => void
}

/** Share by which an interval varies, so that many sidecars do not ask in step. */
const intervalJitter = 0.1

/**
 * Asks for the path at each interval; 200–399 is healthy. Changes its mind after as many
 * equal results in a row as the policy's thresholds say.
 */
export function startHealthCheck(options: HealthCheckOptions): StopCheck {
  const check = new HealthCheck(options)
  check.schedule(0)
  return () => check.stop()
}

class HealthCheck {
  readonly #options: HealthCheckOptions
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #healthy: boolean
  /** Results in a row that speak against the verdict. */
  #contrary = 0

  constructor(options: HealthCheckOptions) {
    this.#options = options
    this.#healthy = options.healthy ?? true
  }

  schedule(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#run(), delayMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#abort.abort()
  }

  async #run(): Promise<void> {
    const { policy, random } = this.#options
    const passed = await this.#probe().catch(() => false)
    if (this.#abort.signal.aborted) return
    this.#judge(passed)
    this.schedule(jitter(policy.intervalMs, intervalJitter, random))
  }

  async #probe(): Promise<boolean> {
    const { target, policy } = this.#options
    // Loaded by the first check: a sidecar without checks does not pay for the client's memory.
    const { request } = await import('undici')
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(policy.timeoutMs)])
    const host = target.host.includes(':') ? `[${target.host}]` : target.host
    const answer: Dispatcher.ResponseData = await request(
      `http://${host}:${target.port}${policy.path}`,
      { signal, headers: { 'user-agent': 'weft-health-check' } },
    )
    await answer.body.dump({ limit: 64 * 1024, signal })
    return answer.statusCode >= 200 && answer.statusCode < 400
  }

  #judge(passed: boolean): void {
    const { policy, onChange } = this.#options
    if (passed === this.#healthy) {
      this.#contrary = 0
      return
    }
    this.#contrary++
    const threshold = passed ? policy.healthyThreshold : policy.unhealthyThreshold
    if (this.#contrary < threshold) return
    this.#contrary = 0
    this.#healthy = passed
    onChange(passed)
  }
}
