import { monotonicNow } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { OrphanGuard } from '../base/orphan-guard.ts'
import { systemRandom, type Random } from '../base/random.ts'
import { defaultLimits } from '../http/limits.ts'
import { IdentityHolder } from '../identity/identity-holder.ts'
import type { ProxyBootstrap } from '../model/bootstrap.ts'
import type { MetricProducer } from '../telemetry/metric-family.ts'
import { MetricsRegistry } from '../telemetry/metrics.ts'
import { Admin } from './admin/admin.ts'
import { adminPages, sidecarMetrics } from './admin/pages.ts'
import type { DataPlanePorts } from './data-plane.ts'
import type { ProcessMemory } from './memory-trim.ts'
import { startNameServer, type NameServer } from './dns/name-server.ts'
import { HealthPort, type HealthPortOptions } from './health/health-port.ts'
import { joinMesh } from './membership/mesh-identity.ts'
import { createPlainListener } from './listener/plain-listener.ts'
import type { Listener } from './listener/listener.ts'
import { Sidecar } from './sidecar.ts'

export interface ProxyOptions {
  readonly logger: Logger
  /** Metrics of the process, which only its entry can measure. */
  readonly processMetrics: MetricProducer
  /** Takes one line of the access log, without its end. */
  readonly writeAccessLog: (line: string) => void
  readonly memory: ProcessMemory
  /** Of the software, for `weft status`. */
  readonly build: string
  readonly random?: Random
  /** Ours, of which functions get a part. Default: nothing. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Gives up waiting for a control plane that lets it in. */
  readonly signal?: AbortSignal
}

/** A sidecar at work. */
export interface RunningProxy {
  readonly ports: DataPlanePorts & {
    readonly admin: number
    readonly health?: number
    readonly dns?: number
  }
  /** Leaves the mesh and finishes what is in flight; bounds itself by the bootstrap's `drainTimeoutMs`. */
  drain(): Promise<void>
  /** Ends everything at once. */
  close(): Promise<void>
}

/**
 * Starts a sidecar: admin and health port, certificate, listeners, last snapshot, control plane, in this order, so that
 * `/live` and `/ready` tell the truth while it waits.
 * @throws Error that names port and setting when a port is taken, or what to do when the mesh does not let it in.
 */
export async function startProxy(
  bootstrap: ProxyBootstrap,
  options: ProxyOptions,
): Promise<RunningProxy> {
  const { logger, processMetrics, writeAccessLog, memory, build } = options
  const { random = systemRandom, signal = new AbortController().signal, environment = {} } = options
  let sidecar: Sidecar | undefined
  const metrics = new MetricsRegistry()
  metrics.register(processMetrics)
  const doors = await openDoors(bootstrap, { sidecar: () => sidecar, metrics, logger })
  let nameServer: NameServer | undefined
  let guard: OrphanGuard | undefined
  try {
    // Before the control plane's own name may have to be resolved, perhaps by us.
    if (bootstrap.dns !== undefined) nameServer = await startNameServer(bootstrap.dns, logger)
    const first = await joinMesh(bootstrap, { logger, random, signal })
    const identity = new IdentityHolder(first)
    if (bootstrap.hostsFunction === true) guard = await OrphanGuard.start()
    const running = await Sidecar.start(bootstrap, {
      identity,
      logger,
      writeAccessLog,
      memory,
      random,
      build,
      ...(nameServer !== undefined && { nameServer }),
      ...(guard !== undefined && { functions: { guard, environment } }),
    })
    sidecar = running
    metrics.register(sidecarMetrics(running))
    logger.info({ ports: running.plane.ports, identity: first.uri }, 'sidecar runs')
    const dnsPort = nameServer && { dns: nameServer.address.port }
    const close = async (): Promise<void> => {
      await running.close()
      await guard?.close()
      doors.close()
    }
    return {
      ports: { ...running.plane.ports, ...dnsPort, ...doors.ports },
      drain: () => running.drain().then(close),
      close,
    }
  } catch (error) {
    nameServer?.close()
    await guard?.close()
    doors.close()
    throw error
  }
}

interface Doors {
  readonly ports: { readonly admin: number; readonly health?: number }
  close(): void
}

/** The ports for those who look after it, which are there before and after all others. */
async function openDoors(bootstrap: ProxyBootstrap, options: HealthPortOptions): Promise<Doors> {
  const { sidecar, metrics } = options
  const admin = createAdminListener(bootstrap, new Admin(adminPages(sidecar, metrics)))
  const health =
    bootstrap.health && new HealthPort(bootstrap.health, bootstrap.application, options)
  const close = (): void => {
    admin.close()
    health?.close()
  }
  try {
    await admin.listen()
    await health?.listen()
  } catch (error) {
    close()
    throw error
  }
  return {
    ports: { admin: admin.port, ...(health !== undefined && { health: health.port }) },
    close,
  }
}

function createAdminListener({ admin: address }: ProxyBootstrap, admin: Admin): Listener {
  return createPlainListener({
    purpose: 'admin; move it with sidecar.adminPort of the Workload, or WEFT_ADMIN',
    address,
    limits: defaultLimits,
    onRequest: admin.handle,
    onRefused: () => {},
    now: monotonicNow,
  })
}
