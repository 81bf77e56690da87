import { enableCompileCache, flushCompileCache } from 'node:module'
import { createLogger } from '../base/log.ts'
import type { ProxyBootstrap } from '../model/bootstrap.ts'
import { readProxyBootstrap } from './bootstrap-file.ts'
import { compileCacheOf } from './process/compile-cache.ts'
import { processMemory } from './process/process-memory.ts'
import { runService } from './process/run-service.ts'
import { version } from './version.ts'

/** `weft proxy`: one sidecar in the foreground. The access log goes to standard output, all else to standard error. */
export async function proxy(
  bootstrapFile: string,
  overrides: Pick<ProxyBootstrap, 'workers'> = {},
): Promise<number> {
  const bootstrap = { ...readProxyBootstrap(bootstrapFile), ...overrides }
  const { name, namespace } = bootstrap.workload
  // What is loaded from here on is compiled once: later starts take half the time and 30 MB less.
  enableCompileCache(compileCacheOf(bootstrap.stateDirectory))
  const { startProxy, createProcessMetrics } = await loadProxy()
  const logger = await createLogger({ level: 'info', fields: { workload: name, namespace } })
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
