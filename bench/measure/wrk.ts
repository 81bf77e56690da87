import { runClient } from './client-program.ts'
import type { LoadOptions, LoadResult } from './load.ts'

const postScript = `${import.meta.dirname}/post-10kb.lua`

/** One thread of wrk in a closed loop: each connection sends as soon as it has its answer. */
export async function runWrk(options: LoadOptions): Promise<LoadResult> {
  const { port, payload, load, seconds } = options
  const args = ['-t1', `-c${load.connections}`, `-d${seconds}s`, '--latency']
  if (payload.requestBytes > 0) args.push('-s', postScript)
  args.push(`http://127.0.0.1:${port}${payload.path}`)
  return parseWrk(await runClient('wrk', args, seconds))
}

/** Reads the report that `wrk --latency` prints. */
export function parseWrk(report: string): LoadResult {
  const total = /^\s*(\d+) requests in [\d.]+\w+, ([\d.]+)(\w+) read$/m.exec(report)
  return {
    requests: Number(total?.[1] ?? 0),
    requestsPerSecond: Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(report)?.[1] ?? 0),
    p50Ms: percentileMs(report, 50),
    p99Ms: percentileMs(report, 99),
    bytesRead: Number(total?.[2] ?? 0) * (byteUnits[total?.[3] ?? ''] ?? Number.NaN),
    errors: [...report.matchAll(/^\s*(Socket errors: .*|Non-2xx or 3xx responses: \d+)$/gm)].map(
      match => match[1] ?? '',
    ),
  }
}

const byteUnits: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
}

const msUnits: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 }

function percentileMs(report: string, percentile: number): number {
  // Units of one letter are followed by a blank, for wrk aligns them.
  const match = new RegExp(`^ *${percentile}% +([\\d.]+)(us|ms|s|m) *$`, 'm').exec(report)
  return Number(match?.[1] ?? Number.NaN) * (msUnits[match?.[2] ?? ''] ?? Number.NaN)
}
