import { enableCompileCache, flushCompileCache } from 'node:module'
import { hostname } from 'node:os'
import { createLogger, type LogLevel } from '../base/log.ts'
import type { ProxyBootstrap } from '../model/bootstrap.ts'
import { readProxyBootstrap } from './bootstrap-file.ts'
import { compileCacheOf } from './process/compile-cache.ts'
import { reachableAddresses } from './process/machine.ts'
import { processMemory } from './process/process-memory.ts'
import { runService } from './process/run-service.ts'
import { version } from './version.ts'

/**
 * `weft proxy`: one sidecar in the foreground. The access log goes to standard output, all else to standard error.
 * @param bootstrapFile Absent: the environment says all.
 */
export async function proxy(
  bootstrapFile: string | undefined,
  overrides: Pick<ProxyBootstrap, 'workers'> = {},
): Promise<number> {
  const { bootstrap: written, logLevel } = await readBootstrap(bootstrapFile)
  const bootstrap = { ...written, ...overrides }
  const { name, namespace } = bootstrap.workload
  // What is loaded from here on is compiled once: later starts take half the time and 30 MB less.
  enableCompileCache(compileCacheOf(bootstrap.stateDirectory))
  const { startProxy, createProcessMetrics } = await loadProxy()
  const logger = await createLogger({ level: logLevel, fields: { workload: name, namespace } })
  flushCompileCache()
  const start = () =>
    startProxy(bootstrap, {
      logger,
      processMetrics: createProcessMetrics(process),
      writeAccessLog: line => process.stdout.write(`${line}\n`),
      memory: processMemory,
      environment: process.env,
      build: version,
    })
  return runService(start, { logger })
}

interface Start {
  readonly bootstrap: ProxyBootstrap
  readonly logLevel: LogLevel
}

async function readBootstrap(file: string | undefined): Promise<Start> {
  if (file !== undefined) return { bootstrap: readProxyBootstrap(file), logLevel: 'info' }
  const { readEnvironment } = await import('./bootstrap-environment.ts')
  return readEnvironment(process.env, { hostName: hostname(), addresses: reachableAddresses() })
}

/** Everything that a sidecar runs. */
export async function loadProxy() {
  const [{ startProxy }, { createProcessMetrics }] = await Promise.all([
    import('../proxy/app.ts'),
    import('../telemetry/process-metrics.ts'),
    // Loaded by the logger when it is made.
    import('pino'),
  ])
  return { startProxy, createProcessMetrics }
}
