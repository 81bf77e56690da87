import { createLogger } from '../base/log.ts'
import { startProxy } from '../proxy/app.ts'
import { createProcessMetrics } from '../telemetry/process-metrics.ts'
import { readProxyBootstrap } from './bootstrap-file.ts'
import { runService } from './run-service.ts'
import { version } from './version.ts'

/** `weft proxy`: one sidecar in the foreground. The access log goes to standard output, all else to standard error. */
export async function proxy(bootstrapFile: string): Promise<number> {
  const bootstrap = readProxyBootstrap(bootstrapFile)
  const { name, namespace } = bootstrap.workload
  const logger = await createLogger({ level: 'info', fields: { workload: name, namespace } })
  const start = () =>
    startProxy(bootstrap, {
      logger,
      processMetrics: createProcessMetrics(process),
      writeAccessLog: line => process.stdout.write(`${line}\n`),
      build: version,
    })
  return runService(start, { logger })
}
