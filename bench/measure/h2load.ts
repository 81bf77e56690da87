import { readFile, rm } from 'node:fs/promises'
import { grpcCall } from '../bench-case.ts'
import { grpcMessageFile } from '../setting/grpc-message.ts'
import { workPath } from '../setting/work-folder.ts'
import { runClient } from './client-program.ts'
import type { LoadOptions, LoadResult } from './load.ts'

/** One thread of h2load in a closed loop: each stream is followed by the next as soon as it has its answer. */
export async function runH2load(options: LoadOptions): Promise<LoadResult> {
  const { port, payload, load, seconds } = options
  const log = workPath('h2load.tsv')
  // h2load appends.
  await rm(log, { force: true })
  const args = ['-t1', `-c${load.connections}`, `-m${load.streams}`, `-D${seconds}`]
  if (payload === grpcCall) {
    args.push('-d', grpcMessageFile(), '-H', 'content-type: application/grpc', '-H', 'te: trailers')
  }
  args.push(`--log-file=${log}`, `http://127.0.0.1:${port}${payload.path}`)
  const report = await runClient('h2load', args, seconds)
  return parseH2load(report, await readFile(log, 'utf8'))
}

/**
 * Reads h2load's report and its log, which holds the times of each request.
 * A wrong `grpc-status` shows in the bytes only: an answer that fails has no message.
 */
export function parseH2load(report: string, log: string): LoadResult {
  const times = log
    .split('\n')
    .filter(Boolean)
    .map(line => Number(line.split('\t')[2]) / 1000)
    .sort((a, b) => a - b)
  const requests = /^requests: .* (\d+) done, .*$/m.exec(report)
  const data = /^traffic: .*, [^ ]+ \((\d+)\) data$/m.exec(report)
  return {
    requests: Number(requests?.[1] ?? 0),
    requestsPerSecond: Number(/^finished in .*, ([\d.]+) req\/s/m.exec(report)?.[1] ?? 0),
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    bytesRead: Number(data?.[1] ?? 0),
    errors: faultLines(report),
  }
}

function faultLines(report: string): string[] {
  const [, done, succeeded] = /^requests: .* (\d+) done, (\d+) succeeded, .*$/m.exec(report) ?? []
  const [line = ''] = /^requests: .*$/m.exec(report) ?? []
  const faulty = done !== succeeded || !line.endsWith('0 failed, 0 errored, 0 timeout')
  return faulty ? [line || 'h2load gave no report'] : []
}

/** By the nearest rank. NaN of nothing. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
}
