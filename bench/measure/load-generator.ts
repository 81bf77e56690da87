import type { Protocol } from '../bench-case.ts'
import type { Program } from '../setting/installed.ts'
import { runH2load } from './h2load.ts'
import { runIperf3 } from './iperf3.ts'
import type { LoadOptions, LoadResult } from './load.ts'
import { runWrk } from './wrk.ts'

interface LoadGenerator {
  readonly program: Program
  readonly run: (options: LoadOptions) => Promise<LoadResult>
}

export const loadGenerators: Readonly<Record<Protocol, LoadGenerator>> = {
  http1: { program: 'wrk', run: runWrk },
  http2: { program: 'h2load', run: runH2load },
  tcp: { program: 'iperf3', run: runIperf3 },
}
