import { caseName, type BenchCase, type Load, type Payload } from '../bench-case.ts'
import type { RunningSubject } from '../subjects/subject.ts'
import { measure, type Measurement } from './measurement.ts'
import { summarize, type Row } from './row.ts'

export interface RoundOptions {
  readonly rounds: number
  /** Length of one measurement, after 1 s of warm-up. */
  readonly seconds: number
  /** Told after each measurement. */
  readonly progress: (line: string) => void
}

/**
 * Measures all subjects one after another, round after round, so that what drifts on the machine meets all alike.
 * Each round begins with another subject, so that none always follows the same neighbour.
 */
export async function measureRounds(
  benchCase: BenchCase,
  load: Load,
  subjects: readonly RunningSubject[],
  options: RoundOptions,
): Promise<Row[]> {
  const { rounds, seconds, progress } = options
  const measured = new Map<RunningSubject, Measurement[]>(subjects.map(subject => [subject, []]))
  const { payload } = benchCase
  for (let round = 0; round < rounds; round++) {
    for (const subject of rotate(subjects, round)) {
      const measurement = await measure(subject, { payload, load, seconds })
      measured.get(subject)?.push(measurement)
      progress(progressLine(subject, measurement, payload))
    }
  }
  return subjects.map(subject => {
    const key = {
      case: caseName(benchCase),
      subject: subject.name,
      protocol: payload.protocol,
      ...load,
      body: payload.name,
    }
    return summarize(key, measured.get(subject) ?? [])
  })
}

/** The same items, beginning with the one at `start`, counted round the end. */
export function rotate<Item>(items: readonly Item[], start: number): Item[] {
  const cut = items.length === 0 ? 0 : start % items.length
  return [...items.slice(cut), ...items.slice(0, cut)]
}

function progressLine(
  subject: RunningSubject,
  measurement: Measurement,
  { protocol }: Payload,
): string {
  const unit = protocol === 'tcp' ? 'MB' : 'request'
  const cpu = measurement.processes.map(({ cpuUsPerRequest }) => cpuUsPerRequest.toFixed(1))
  const rate = Math.round(measurement.requestsPerSecond)
  const fault = measurement.invalid === undefined ? '' : `  INVALID: ${measurement.invalid}`
  return `${subject.name.padEnd(12)} ${cpu.join(' + ')} µs/${unit}  ${rate}/s${fault}`
}
