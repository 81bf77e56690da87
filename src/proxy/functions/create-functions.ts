import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { monotonicNow, wallNow } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import { LogLimit } from '../../base/log-limit.ts'
import type { Random } from '../../base/random.ts'
import { BackendFactory } from '../../functions/cloud/create-backend.ts'
import { CloudClient } from '../../functions/cloud/transport/cloud-client.ts'
import { FunctionEvents } from '../../functions/function-events.ts'
import { FunctionHosting } from '../../functions/function-hosting.ts'
import type { FunctionLog } from '../../functions/function-log.ts'
import {
  FunctionVersions,
  type FunctionVersionsOptions,
} from '../../functions/function-versions.ts'
import { PlacedFunction } from '../../functions/placement/placed-function.ts'
import { Drivers } from '../../functions/runtime/drivers.ts'
import { openRuntimeApi } from './runtime-api-listener.ts'

/** What of its process a sidecar lends to the function that it hosts. */
export type FunctionSurroundings = Pick<FunctionVersionsOptions, 'guard' | 'environment'>

interface HostingPlace {
  /** Of this sidecar, by which its function calls others. */
  readonly outboundPort: () => number
  readonly stateDirectory: string
}

const linesLoggedPerSecond = 1000

export function createFunctions(
  surroundings: FunctionSurroundings,
  { logger, random }: { readonly logger: Logger; readonly random: Random },
  { outboundPort, stateDirectory }: HostingPlace,
): FunctionHosting {
  const invokeUrl = (): string => `http://127.0.0.1:${outboundPort()}`
  const common = { logger, random, invokeUrl, now: monotonicNow, wallNow }
  const { environment } = surroundings
  // Most functions run at home only.
  let factory: BackendFactory | undefined
  const drivers = new Drivers({
    guard: surroundings.guard,
    own: environment,
    containerDirectory: join(stateDirectory, 'oci'),
    onTrouble: ({ name, version }, reason) =>
      logger.warn({ function: name, version, reason }, 'nothing can be kept ready for a function'),
  })
  const versions = new FunctionVersions({
    ...common,
    ...surroundings,
    openRuntimeApi,
    driverFor: drivers.for,
    createPlaced: settings => {
      factory ??= new BackendFactory({ ...common, client: new CloudClient(), environment })
      return new PlacedFunction({ ...common, settings, factory })
    },
    maxStarting: Math.max(2, availableParallelism()),
  })
  logLines(versions.log, logger)
  const path = join(stateDirectory, 'events.sqlite')
  const events = new FunctionEvents({ ...common, versions, path })
  return new FunctionHosting({ versions, events, drivers })
}

function logLines(log: FunctionLog, logger: Logger): void {
  const limit = new LogLimit(linesLoggedPerSecond)
  log.follow(({ instance, stream, text }) => {
    if (!limit.admit(monotonicNow())) return
    const suppressed = limit.takeSuppressed()
    logger.info({ instance, stream, line: text, ...(suppressed > 0 && { suppressed }) }, 'function')
  })
}
