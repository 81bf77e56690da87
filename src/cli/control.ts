import { flushCompileCache } from 'node:module'
import { createLogger } from '../base/log.ts'
import { startControlPlane } from '../control/app.ts'
import type { ControlBootstrap } from '../model/bootstrap.ts'
import { createProcessMetrics } from '../telemetry/process-metrics.ts'
import { readControlBootstrap } from './bootstrap-file.ts'
import { readConfiguration } from './read-configuration.ts'
import { createDrivers } from './process/create-drivers.ts'
import { runService } from './process/run-service.ts'

/** `weft control PATH`: the trust domain is the configuration's. */
export async function control(options: Omit<ControlBootstrap, 'trustDomain'>): Promise<number> {
  const { mesh } = await readConfiguration(options.configPath)
  return run({ ...options, trustDomain: mesh.trustDomain })
}

/** `weft control --config FILE`. */
export async function controlFromFile(bootstrapFile: string): Promise<number> {
  const bootstrap = readControlBootstrap(bootstrapFile)
  // For its problems: a broken configuration ends here, in words for a terminal.
  await readConfiguration(bootstrap.configPath)
  return run(bootstrap)
}

async function run(bootstrap: ControlBootstrap): Promise<number> {
  // Everything is loaded. `weft up` starts sidecars next, which share a part of it.
  flushCompileCache()
  const logger = await createLogger({ level: 'info' })
  const processMetrics = createProcessMetrics(process)
  const start = async () => {
    const drivers = await createDrivers(bootstrap, logger)
    return startControlPlane(bootstrap, { logger, processMetrics, drivers })
  }
  return runService(start, { logger })
}
