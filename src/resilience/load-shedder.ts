import type { Random } from '../base/random.ts'
import type { OverloadPolicy } from '../model/policy/overload.ts'

/** From the least important on. */
export const priorities = ['low', 'normal', 'high', 'critical'] as const
export type Priority = (typeof priorities)[number]

/** The pressure from which requests of a priority are shed, and from which all are. Critical ones never. */
const bands: Readonly<Record<Priority, readonly [from: number, all: number]>> = {
  low: [0, 0.3],
  normal: [0.2, 0.8],
  high: [0.7, 1],
  critical: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
}

/** What is left of the pressure from sample to sample when it ends, so that shedding does not flutter. */
const release = 0.7
/** Pressure below this is none. */
const least = 0.01

/** A loop that was late once may have been interrupted, and a heap was full before it was swept: it has to last. */
const lastingSamples = 4

/** How loaded this process is. */
export interface LoadSample {
  readonly eventLoopDelayMs: number
  /** 0–1. */
  readonly heapRatio: number
}

/** Decides which requests a process that has too much to do turns away: the less important first. */
export class LoadShedder {
  policy: OverloadPolicy
  #pressure = 0
  /** Of the last samples. */
  readonly #pressures = new Float64Array(lastingSamples)
  #next = 0

  constructor(policy: OverloadPolicy) {
    this.policy = policy
  }

  /** 0: nothing is shed; 1: all but what is critical. */
  get pressure(): number {
    return this.#pressure
  }

  /** Rises when the load has lasted, falls slowly. */
  sample({ eventLoopDelayMs, heapRatio }: LoadSample): void {
    const { policy } = this
    this.#pressures[this.#next] = policy.enabled
      ? Math.max(ramp(eventLoopDelayMs, policy.eventLoopDelayMs), ramp(heapRatio, policy.heapRatio))
      : 0
    this.#next = (this.#next + 1) % lastingSamples
    const now = Math.min(...this.#pressures)
    const left = Math.max(now, this.#pressure * release)
    this.#pressure = left < least ? 0 : left
  }

  /** Whether a request of this priority is turned away. */
  sheds(priority: Priority, random: Random): boolean {
    const [from, all] = bands[priority]
    if (this.#pressure <= from) return false
    return random() < (this.#pressure - from) / (all - from)
  }
}

function ramp(
  value: number,
  { start, full }: { readonly start: number; readonly full: number },
): number {
  return Math.min(1, Math.max(0, (value - start) / (full - start)))
}
