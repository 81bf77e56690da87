import { join } from 'node:path'
import { monotonicNow, wallNow, type Now } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { systemRandom, type Random } from '../base/random.ts'
import { IdentityHolder } from '../identity/identity-holder.ts'
import { Rotation } from '../identity/rotation.ts'
import type { ControlBootstrap } from '../model/bootstrap.ts'
import type { MetricProducer } from '../telemetry/metric-family.ts'
import { MetricsRegistry } from '../telemetry/metrics.ts'
import { Admin, jsonAnswer, type AdminPage } from './admin.ts'
import { Admissions } from './sidecars/admissions.ts'
import { CertificateAuthority } from './certificate-authority.ts'
import { ConfigurationFeed } from './configuration-feed.ts'
import { createControlCounters } from './control-counters.ts'
import { controlMetrics } from './control-metrics.ts'
import { FileSource } from './file-source.ts'
import { Fleet } from './sidecars/fleet.ts'
import { removeExpiredTokens } from './join-token.ts'
import { Scaler, type WorkloadDrivers } from './scaling/scaler.ts'
import { Publisher } from './sidecars/publisher.ts'
import { PushServer } from './sidecars/push-server.ts'
import { Registry } from './sidecars/registry.ts'
import type { SessionContext } from './sidecars/sidecar-session.ts'
import { Signing } from './sidecars/signing.ts'
import { functionStatuses, sidecarStatuses, type MeshStatus } from './status.ts'

export interface ControlOptions {
  readonly logger: Logger
  /** Wall clock. */
  readonly now?: Now
  readonly random?: Random
  /** Start functions of which nothing runs; closed with the control plane. Default: none. */
  readonly drivers?: WorkloadDrivers
  /** Metrics of the process, which only its entry can measure. */
  readonly processMetrics?: MetricProducer
}

/** A running control plane. */
export interface ControlPlane {
  readonly pushPort: number
  readonly adminPort: number
  status(): MeshStatus
  /** The same as {@link close}: sidecars go on with what they have. */
  drain(): Promise<void>
  close(): Promise<void>
}

interface Mesh {
  readonly feed: ConfigurationFeed
  readonly registry: Registry
  readonly fleet: Fleet
  readonly publisher: Publisher
  readonly scaler: Scaler
}

/**
 * Loads the configuration and serves it to sidecars.
 * @throws ConfigurationError with all problems; Error that names port and setting when a port is taken.
 */
export async function startControlPlane(
  bootstrap: ControlBootstrap,
  options: ControlOptions,
): Promise<ControlPlane> {
  const { stateDirectory, trustDomain, leaseMs } = bootstrap
  const { logger, now = wallNow, random = systemRandom, processMetrics, drivers = {} } = options
  await using stack = new AsyncDisposableStack()
  // Last of all.
  stack.defer(async () => {
    await Promise.all([...new Set(Object.values(drivers))].map(driver => driver.close()))
  })
  const mesh = await openMesh(bootstrap, { logger, now, random, drivers }, stack)
  const authority = await CertificateAuthority.open({ stateDirectory, trustDomain, now })
  const holder = new IdentityHolder(await authority.issueOwn())
  stack.adopt(startRotation(authority, holder, { logger, now, random }), rotation =>
    rotation.close(),
  )
  const admissions = await Admissions.open(join(stateDirectory, 'admissions.json'), now)
  await removeExpiredTokens(stateDirectory, now())

  const counters = createControlCounters()
  const context: SessionContext = {
    ...mesh,
    signing: new Signing({ authority, admissions, stateDirectory, now }),
    admissions,
    counters,
    leaseMs,
    now,
    logger,
  }
  const push = await PushServer.listen({ address: bootstrap.push, holder, context })
  stack.adopt(push, server => server.close())

  const status = (): MeshStatus => meshStatus(trustDomain, mesh)
  const metrics = new MetricsRegistry()
  metrics.register(
    controlMetrics({
      counters,
      status,
      identity: () => holder.current,
      scaling: () => mesh.scaler.status,
    }),
  )
  if (processMetrics !== undefined) metrics.register(processMetrics)
  const pages = {
    ...adminPages(status, metrics),
    '/scaling': () => jsonAnswer(mesh.scaler.status),
  }
  const admin = await Admin.listen({ address: bootstrap.admin, pages, logger })
  stack.adopt(admin, server => server.close())

  const running = stack.move()
  const close = (): Promise<void> => running.disposeAsync()
  return { pushPort: push.port, adminPort: admin.port, status, drain: close, close }
}

/** What is known of the mesh, from disk and from sidecars, and who is told of it. */
async function openMesh(
  { configPath, stateDirectory, leaseMs }: ControlBootstrap,
  { logger, now, random, drivers }: MeshSurroundings,
  stack: AsyncDisposableStack,
): Promise<Mesh> {
  const fleet = new Fleet()
  const feed = await ConfigurationFeed.open({ source: new FileSource(configPath), logger, now })
  stack.adopt(feed, follower => follower.close())
  const publisher = new Publisher({
    fleet,
    configuration: () => feed.configuration,
    registrations: () => registry.registrations,
  })
  stack.adopt(publisher, timer => timer.close())
  const registry = await Registry.open({
    path: join(stateDirectory, 'registrations.json'),
    leaseMs,
    onChange: () => {
      publisher.meshChanged()
      scaler.registrationsChanged()
    },
    onFileFailure: error => logger.error({ error }, 'could not read or store registrations'),
  })
  stack.adopt(registry, store => store.close())
  const scaler = new Scaler({
    drivers,
    functions: () => feed.configuration.functions,
    registrations: () => registry.registrations,
    isConnected: workload => fleet.has(workload),
    removeRegistration: workload => registry.remove(workload),
    publish: () => publisher.publish(),
    now: monotonicNow,
    random,
    logger,
  })
  stack.adopt(scaler, running => running.close())
  scaler.configurationChanged()
  await feed.follow(() => {
    publisher.meshChanged()
    scaler.configurationChanged()
  })
  return { feed, registry, fleet, publisher, scaler }
}

interface MeshSurroundings {
  readonly logger: Logger
  readonly now: Now
  readonly random: Random
  readonly drivers: WorkloadDrivers
}

function startRotation(
  authority: CertificateAuthority,
  holder: IdentityHolder,
  { logger, now, random }: { readonly logger: Logger; readonly now: Now; readonly random: Random },
): Rotation {
  return new Rotation({
    holder,
    renew: () => authority.issueOwn(),
    onFailure: error => logger.error({ error }, 'could not renew the own certificate'),
    now,
    random,
  })
}

function meshStatus(trustDomain: string, { feed, registry, fleet }: Mesh): MeshStatus {
  return {
    trustDomain,
    configuration: feed.status,
    sidecars: sidecarStatuses(registry.registrations, fleet),
    functions: functionStatuses(feed.configuration.functions, registry.registrations),
  }
}

function adminPages(
  status: () => MeshStatus,
  metrics: MetricsRegistry,
): Readonly<Record<string, AdminPage>> {
  const ok = jsonAnswer({ status: 'ok' })
  return {
    '/metrics': async () => ({ status: 200, ...(await metrics.expose()) }),
    '/status': () => jsonAnswer(status()),
    '/healthz': () => ok,
    // The port opens last of all, so whoever reads this can be served.
    '/readyz': () => ok,
  }
}
