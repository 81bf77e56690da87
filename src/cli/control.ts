import { flushCompileCache } from 'node:module'
import { createLogger } from '../base/log.ts'
import { startControlPlane } from '../control/app.ts'
import type { ControlBootstrap } from '../model/bootstrap.ts'
import { meshDefaults } from '../model/kinds/mesh.ts'
import { createProcessMetrics } from '../telemetry/process-metrics.ts'
import { readControlBootstrap } from './bootstrap-file.ts'
import { readConfiguration } from './read-configuration.ts'
import { createDrivers } from './process/create-drivers.ts'
import { runService } from './process/run-service.ts'
import { version } from './version.ts'

type ControlOptions = Omit<ControlBootstrap, 'trustDomain'> & Partial<ControlBootstrap>

/** `weft control [PATH]`: the trust domain is the configuration's, unless it is given. */
export async function control(options: ControlOptions): Promise<number> {
  const mesh = await readMesh(options)
  return run({ trustDomain: mesh.trustDomain, ...options })
}

/** `weft control --config FILE`. */
export async function controlFromFile(bootstrapFile: string): Promise<number> {
  const bootstrap = readControlBootstrap(bootstrapFile)
  await readMesh(bootstrap)
  return run(bootstrap)
}

/** Also for problems: a broken configuration ends here, in words for a terminal. */
async function readMesh(bootstrap: Partial<ControlBootstrap>) {
  const { configPath, docker, kubernetes, ignoresUnknownKinds = false } = bootstrap
  if (configPath === undefined) return meshDefaults
  const isPart = docker !== undefined || kubernetes !== undefined
  return (await readConfiguration(configPath, { isPart, ignoresUnknownKinds })).mesh
}

async function run(bootstrap: ControlBootstrap): Promise<number> {
  // Everything is loaded. `weft up` starts sidecars next, which share a part of it.
  flushCompileCache()
  const logger = await createLogger({ level: 'info' })
  const processMetrics = createProcessMetrics(process)
  const start = async () => {
    const drivers = await createDrivers(bootstrap, logger)
    return startControlPlane(bootstrap, {
      logger,
      processMetrics,
      drivers,
      environment: process.env,
      version,
    })
  }
  return runService(start, { logger })
}
