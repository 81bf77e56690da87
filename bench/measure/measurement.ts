import { setTimeout as sleep } from 'node:timers/promises'
import type { Payload } from '../bench-case.ts'
import type { RunningSubject } from '../subjects/subject.ts'
import { type ProcessUse, readProcessTree } from './process-stat.ts'
import type { LoadOptions, LoadResult } from './load.ts'
import { loadGenerators } from './load-generator.ts'

/** One subject under one load for a few seconds. Of TCP, a megabyte (10⁶ bytes) stands for a request. */
export interface Measurement {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly processes: readonly ProcessMeasurement[]
  /** Why the figures say nothing; absent when they do. */
  readonly invalid?: string
}

export interface ProcessMeasurement {
  readonly role: string
  readonly cpuUsPerRequest: number
  /** Highest seen while the load ran. */
  readonly rssBytes: number
}

const warmUpSeconds = 1
const rssIntervalMs = 250

/** Never fails for the subject's sake: one that dies under load gets an invalid measurement. */
export async function measure(
  subject: RunningSubject,
  load: Omit<LoadOptions, 'port'>,
): Promise<Measurement> {
  try {
    return await measureUse(subject, { ...load, port: subject.port })
  } catch (error) {
    const figures = { requestsPerSecond: Number.NaN, p50Ms: Number.NaN, p99Ms: Number.NaN }
    return { ...figures, processes: [], invalid: deathOf(subject) ?? String(error).trim() }
  }
}

function deathOf(subject: RunningSubject): string | undefined {
  const dead = subject.proxies.find(({ child }) => child.hasEnded())
  return dead && `${dead.child.name} ended under load, see ${dead.child.logFile}`
}

/** Undefined when every request got its whole answer. */
export function faultOf(
  result: LoadResult,
  { protocol, answerBytes }: Pick<Payload, 'protocol' | 'answerBytes'>,
): string | undefined {
  if (result.errors.length > 0) return result.errors.join('; ')
  if (result.requests === 0) return 'no answer'
  if (protocol === 'tcp') return undefined
  if (Number.isNaN(result.p99Ms)) return 'no percentiles'
  const expected = result.requests * answerBytes
  // wrk rounds to two decimals of a unit.
  const slack = protocol === 'http1' ? 0.01 : 0
  if (result.bytesRead < expected * (1 - slack))
    return `${result.bytesRead} bytes read of ${expected}`
  return undefined
}

async function measureUse(subject: RunningSubject, load: LoadOptions): Promise<Measurement> {
  const { run } = loadGenerators[load.payload.protocol]
  await run({ ...load, seconds: warmUpSeconds })
  const before = await readAll(subject)
  const loadEnd = new AbortController()
  const [result, rssPeaks] = await Promise.all([
    run(load).finally(() => loadEnd.abort()),
    watchRss(subject, loadEnd.signal),
  ])
  const after = await readAll(subject)
  const processes = subject.proxies.map(({ role }, index) => {
    const cpuMs = (after[index]?.cpuMs ?? 0) - (before[index]?.cpuMs ?? 0)
    const cpuUsPerRequest = (cpuMs * 1000) / result.requests
    return { role, cpuUsPerRequest, rssBytes: rssPeaks[index] ?? 0 }
  })
  const { requestsPerSecond, p50Ms, p99Ms } = result
  const invalid = faultOf(result, load.payload)
  const figures = { requestsPerSecond, p50Ms, p99Ms, processes }
  return invalid === undefined ? figures : { ...figures, invalid }
}

async function watchRss(subject: RunningSubject, end: AbortSignal): Promise<number[]> {
  const peaks: number[] = []
  while (!end.aborted) {
    for (const [index, { rssBytes }] of (await readAll(subject)).entries()) {
      peaks[index] = Math.max(peaks[index] ?? 0, rssBytes)
    }
    await sleep(rssIntervalMs)
  }
  return peaks
}

function readAll(subject: RunningSubject): Promise<ProcessUse[]> {
  return Promise.all(subject.proxies.map(({ child }) => readProcessTree(child.pid)))
}
