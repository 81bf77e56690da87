import { availableParallelism } from 'node:os'
import { monotonicNow, wallNow } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import { LogLimit } from '../../base/log-limit.ts'
import { FunctionHost, type FunctionHostOptions } from '../../functions/function-host.ts'
import { openRuntimeApi } from './runtime-api-listener.ts'

/** What of its process a sidecar lends to the function that it hosts. */
export type FunctionSurroundings = Pick<FunctionHostOptions, 'guard' | 'environment'>

const linesLoggedPerSecond = 1000

/** @param outboundPort of this sidecar, by which its function calls others. */
export function createFunctionHost(
  surroundings: FunctionSurroundings,
  logger: Logger,
  outboundPort: () => number,
): FunctionHost {
  const host = new FunctionHost({
    ...surroundings,
    openRuntimeApi,
    logger,
    invokeUrl: () => `http://127.0.0.1:${outboundPort()}`,
    maxStarting: Math.max(2, availableParallelism()),
    now: monotonicNow,
    wallNow,
  })
  const limit = new LogLimit(linesLoggedPerSecond)
  host.log.follow(({ instance, stream, text }) => {
    if (!limit.admit(monotonicNow())) return
    const suppressed = limit.takeSuppressed()
    logger.info({ instance, stream, line: text, ...(suppressed > 0 && { suppressed }) }, 'function')
  })
  return host
}
