import { waitingMib } from '../../src/functions/scaling/keep-alive.ts'
import { Replay, type Outcome, type Scaling } from './replay.ts'
import type { App } from './trace.ts'

/** What a way to scale came to, over all functions. */
export interface Figures {
  readonly name: string
  readonly calls: number
  readonly cold: number
  /** Share of cold calls of the function that has more of them than three quarters of the functions. */
  readonly coldShareP75: number
  readonly starts: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly idleGibHours: number
  /** Idle memory and waiting, by the weights of the keep-alive's costs. */
  readonly costGibHours: number
}

const gibHour = 1024 * 3_600_000

export function replayAll(apps: readonly App[], scaling: Scaling): Figures {
  const outcomes = apps.map(app => new Replay(app, scaling).run())
  const sum = (part: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + part(outcome), 0)
  const calls = sum(outcome => outcome.calls)
  const waits = Float64Array.from(outcomes.flatMap(outcome => outcome.waits)).toSorted()
  // All others have not waited.
  const waitAt = (share: number): number =>
    waits[Math.floor(Math.min(calls - 1, share * calls)) - (calls - waits.length)] ?? 0
  const shares = outcomes
    .filter(outcome => outcome.calls > 0)
    .map(outcome => outcome.cold / outcome.calls)
    .toSorted((a, b) => a - b)
  const idleMibMs = sum(outcome => outcome.idleMibMs)
  const waitedMs = waits.reduce((total, wait) => total + wait, 0)
  return {
    name: scaling.name,
    calls,
    cold: sum(outcome => outcome.cold),
    coldShareP75: shares[Math.floor(shares.length * 0.75)] ?? 0,
    starts: sum(outcome => outcome.starts),
    p50Ms: waitAt(0.5),
    p95Ms: waitAt(0.95),
    p99Ms: waitAt(0.99),
    maxMs: waitAt(1),
    idleGibHours: idleMibMs / gibHour,
    costGibHours: (idleMibMs + waitedMs * waitingMib) / gibHour,
  }
}

export function tableOf(rows: readonly Figures[]): string[] {
  return [
    '| policy | calls | cold | share | share, p75 function | starts | wait p50 ms | p95 | p99 | max | idle GiB·h | cost GiB·h |',
    '|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
    ...rows.map(lineOf),
  ]
}

function lineOf(row: Figures): string {
  const count = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 0 })
  const cells = [
    row.name,
    count(row.calls),
    count(row.cold),
    `${((100 * row.cold) / row.calls).toFixed(2)} %`,
    `${(100 * row.coldShareP75).toFixed(1)} %`,
    count(row.starts),
    ...[row.p50Ms, row.p95Ms, row.p99Ms, row.maxMs].map(count),
    row.idleGibHours.toFixed(1),
    row.costGibHours.toFixed(1),
  ]
  return `| ${cells.join(' | ')} |`
}
