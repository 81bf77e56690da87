import { runClient } from './client-program.ts'
import type { LoadOptions, LoadResult } from './load.ts'

const megabyte = 1e6

/** iperf3's client, which sends as fast as it can on each connection. It opens one more for its own use. */
export async function runIperf3(options: LoadOptions): Promise<LoadResult> {
  const { port, load, seconds } = options
  const args = ['-c', '127.0.0.1', '-p', String(port), '-J']
  args.push('-P', String(load.connections), '-t', String(seconds))
  return parseIperf3(await runClient('iperf3', args, seconds))
}

/** Reads iperf3's JSON; what counts is what the server received. */
export function parseIperf3(report: string): LoadResult {
  const { error, end } = JSON.parse(report) as Iperf3Report
  const { bytes = 0, bits_per_second: bits = 0 } = end?.sum_received ?? {}
  return {
    requests: bytes / megabyte,
    requestsPerSecond: bits / 8 / megabyte,
    p50Ms: Number.NaN,
    p99Ms: Number.NaN,
    bytesRead: 0,
    errors: error === undefined ? [] : [error],
  }
}

interface Iperf3Report {
  readonly error?: string
  readonly end?: {
    readonly sum_received?: { readonly bytes: number; readonly bits_per_second: number }
  }
}
