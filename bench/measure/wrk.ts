import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { Payload } from '../bench-case.ts'
import { commandOf } from '../setting/installed.ts'

export interface LoadOptions {
  readonly port: number
  readonly payload: Payload
  readonly connections: number
  readonly seconds: number
}

/** What the client saw. */
export interface LoadResult {
  readonly requests: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly bytesRead: number
  /** wrk's own words for answers outside 2xx and 3xx and for failed sockets; empty when all went well. */
  readonly errors: readonly string[]
}

const postScript = `${import.meta.dirname}/post-10kb.lua`

/** One thread of wrk in a closed loop: each connection sends as soon as it has its answer. */
export async function runWrk(options: LoadOptions): Promise<LoadResult> {
  const { port, payload, connections, seconds } = options
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency']
  if (payload.requestBytes > 0) args.push('-s', postScript)
  args.push(`http://127.0.0.1:${port}${payload.path}`)
  const wrk = spawn(commandOf('wrk'), args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: (seconds + 15) * 1000,
  })
  const kill = () => wrk.kill()
  process.once('exit', kill)
  const [output, [code]] = await Promise.all([text(wrk.stdout), once(wrk, 'close')])
  process.off('exit', kill)
  if (code !== 0) throw new Error(`wrk ended with ${code}\n${output}`)
  return parseWrk(output)
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
