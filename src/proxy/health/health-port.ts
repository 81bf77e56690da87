import { monotonicNow } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import { defaultLimits, type HttpLimits } from '../../http/limits.ts'
import type { HealthBootstrap, ProxyBootstrap } from '../../model/bootstrap.ts'
import type { MetricsRegistry } from '../../telemetry/metrics.ts'
import { Admin, type AdminPage } from '../admin/admin.ts'
import type { AdminAnswer } from '../admin/answer.ts'
import { publicPages } from '../admin/pages.ts'
import { createPlainListener } from '../listener/plain-listener.ts'
import type { Listener } from '../listener/listener.ts'
import type { Sidecar } from '../sidecar.ts'
import { ApplicationMetrics } from './application-metrics.ts'
import { probePage } from './probe-page.ts'

export interface HealthPortOptions {
  /** Undefined until the mesh has given us a certificate. */
  readonly sidecar: () => Sidecar | undefined
  readonly metrics: MetricsRegistry
  readonly logger: Logger
}

/** Whoever is slower than that is no prober. */
const limits: HttpLimits = { ...defaultLimits, headerTimeoutMs: 5000, idleTimeoutMs: 60_000 }
/** Kubelet, scrapers and a person or two; others wait outside, so that they cost no memory. */
const maxConnections = 1024
/** Each may be sent as much as {@link ApplicationMetrics} takes, at its own pace. */
const maxScrapers = 4

/**
 * The port for those outside the mesh who watch over it. Unlike the admin port it is reached from other machines, so
 * that it shows nothing that is not theirs to know and changes nothing.
 */
export class HealthPort {
  readonly #listener: Listener
  readonly #ended = new AbortController()

  constructor(
    health: HealthBootstrap,
    application: ProxyBootstrap['application'],
    options: HealthPortOptions,
  ) {
    const { metrics, logger } = options
    const { signal } = this.#ended
    const { host } = application
    const exposed =
      health.applicationMetrics &&
      new ApplicationMetrics({
        address: { host, port: health.applicationMetrics.port },
        path: health.applicationMetrics.path,
        logger,
        signal,
      })
    if (exposed !== undefined) metrics.register(() => exposed.metrics())
    const probes = Object.entries(health.probes ?? {}).map(
      ([path, probe]) => [path, probePage(probe, { host, signal })] as const,
    )
    const admin = new Admin({
      ...Object.fromEntries(probes),
      ...publicPages(options.sidecar),
      '/metrics': metricsPage(metrics, exposed),
    })
    this.#listener = createPlainListener({
      purpose: 'health; move it with WEFT_HEALTH, or `health` of the bootstrap',
      address: { host: health.host, port: health.port },
      limits,
      maxConnections,
      onRequest: admin.handle,
      onRefused: () => {},
      now: monotonicNow,
    })
  }

  /** @throws Error that names the port and the setting when it can't be bound. */
  listen(): Promise<void> {
    return this.#listener.listen()
  }

  get port(): number {
    return this.#listener.port
  }

  close(): void {
    this.#ended.abort()
    this.#listener.close()
  }
}

function metricsPage(metrics: MetricsRegistry, exposed: ApplicationMetrics | undefined): AdminPage {
  const answer = async (): Promise<AdminAnswer> => {
    // Before ours, which tell how it went.
    const theirs = await exposed?.fetch()
    const { contentType, body } = await metrics.expose()
    const whole = exposed && theirs && (await exposed.merge(body, theirs))
    return { status: 200, contentType, body: whole ?? body }
  }
  return { method: 'GET', answer, maxReaders: maxScrapers }
}
