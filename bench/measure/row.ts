import type { Load, Protocol } from '../bench-case.ts'
import type { Measurement, ProcessMeasurement } from './measurement.ts'

/**
 * One line of the result: medians over the rounds, each figure for itself. Of TCP, a megabyte (10⁶ bytes) stands
 * for a request, and there are no latencies.
 */
export interface Row extends Load {
  /** `pair-100B`. */
  readonly case: string
  readonly subject: string
  readonly protocol: Protocol
  /** Name of the payload. */
  readonly body: string
  /** Of all the subject's processes together. */
  readonly cpuUsPerRequest: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of all the subject's processes together. */
  readonly rssBytes: number
  readonly processes: readonly ProcessMeasurement[]
  /** Set when any round failed: the figures say nothing. */
  readonly invalid?: string
}

export type RowKey = Pick<Row, 'case' | 'subject' | 'protocol' | 'connections' | 'streams' | 'body'>

export function summarize(key: RowKey, rounds: readonly Measurement[]): Row {
  const processes = (rounds[0]?.processes ?? []).map(({ role }, index) => ({
    role,
    cpuUsPerRequest: median(rounds.map(round => round.processes[index]?.cpuUsPerRequest ?? 0)),
    rssBytes: median(rounds.map(round => round.processes[index]?.rssBytes ?? 0)),
  }))
  const faults = rounds.flatMap(round => round.invalid ?? [])
  return {
    ...key,
    cpuUsPerRequest: median(rounds.map(round => sum(round, process => process.cpuUsPerRequest))),
    requestsPerSecond: median(rounds.map(round => round.requestsPerSecond)),
    p50Ms: median(rounds.map(round => round.p50Ms)),
    p99Ms: median(rounds.map(round => round.p99Ms)),
    rssBytes: median(rounds.map(round => sum(round, process => process.rssBytes))),
    processes,
    ...(faults.length === 0 ? {} : { invalid: faults.join('; ') }),
  }
}

/** The mean of the middle two when there is no middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
  const high = sorted[Math.ceil((sorted.length - 1) / 2)] ?? Number.NaN
  return (low + high) / 2
}

function sum(round: Measurement, figure: (process: ProcessMeasurement) => number): number {
  if (round.processes.length === 0) return Number.NaN
  return round.processes.reduce((total, process) => total + figure(process), 0)
}
