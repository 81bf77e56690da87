import { join } from 'node:path'
import { writeFileAtomically } from '../base/atomic-file.ts'
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
import { AuthorityFile } from './authority-store.ts'
import { CertificateAuthority } from './certificate-authority.ts'
import { ConfigurationFeed } from './configuration-feed.ts'
import { createControlCounters } from './control-counters.ts'
import { controlMetrics } from './control-metrics.ts'
import { Fleet } from './sidecars/fleet.ts'
import { removeExpiredTokens } from './join-token.ts'
import { Scaler, type WorkloadDrivers } from './scaling/scaler.ts'
import type { Platform, PlatformMesh } from './platform.ts'
import { authorityStoreOf, openPlatforms, sourceOf } from './platforms.ts'
import { Publisher } from './sidecars/publisher.ts'
import { PushServer } from './sidecars/push-server.ts'
import { Registry } from './sidecars/registry.ts'
import type { SessionContext } from './sidecars/sidecar-session.ts'
import { signingMetrics } from './sidecars/signing-metrics.ts'
import { Signing } from './sidecars/signing.ts'
import type { WorkloadName } from './sidecars/workload-key.ts'
import { routeStatus } from './routes/route-status.ts'
import { functionStatuses, sidecarStatuses, type MeshStatus } from './status.ts'

export interface ControlOptions {
  readonly logger: Logger
  /** Wall clock. */
  readonly now?: Now
  readonly random?: Random
  /** Start functions of which nothing runs; closed with the control plane. Default: none. */
  readonly drivers?: WorkloadDrivers
  /** Ours, for what a platform leaves there. Default: nothing. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Of the software. Default `0.0.0`. */
  readonly version?: string
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
  const { environment = {}, version = '0.0.0' } = options
  await using stack = new AsyncDisposableStack()
  // Last of all.
  stack.defer(async () => {
    await Promise.all([...new Set(Object.values(drivers))].map(driver => driver.close()))
  })
  const platforms = await openPlatforms(bootstrap, { logger, now, random, environment, version })
  const values = [...platforms.values()]
  for (const platform of values) stack.adopt(platform, opened => opened.close())
  const store = authorityStoreOf(values) ?? new AuthorityFile(stateDirectory)
  const authority = await CertificateAuthority.open({ store, trustDomain, now })
  const { sessionSecret } = authority
  const surroundings = { logger, now, random, drivers, platforms, sessionSecret }
  const mesh = await openMesh(bootstrap, surroundings, stack)
  await showBundle(authority, bootstrap)
  const holder = new IdentityHolder(await authority.issueOwn())
  stack.adopt(startRotation(authority, holder, { logger, now, random }), rotation =>
    rotation.close(),
  )
  const attestors = values.flatMap(platform => platform.attestors)
  const admissions = await Admissions.open(join(stateDirectory, 'admissions.json'), now, attestors)
  await removeExpiredTokens(stateDirectory, now())

  const signing = new Signing({ authority, admissions, stateDirectory, now, attestors })
  const counters = createControlCounters()
  const context: SessionContext = {
    ...mesh,
    signing,
    admissions,
    counters,
    leaseMs,
    now,
    logger,
  }
  const push = await PushServer.listen({ address: bootstrap.push, holder, context })
  stack.adopt(push, server => server.close())

  for (const platform of values) await platform.start(platformMesh(authority, mesh))

  const status = (): MeshStatus => meshStatus(trustDomain, mesh, platforms)
  const own = controlMetrics({
    counters,
    status,
    identity: () => holder.current,
    scaling: () => mesh.scaler.status,
  })
  const producers = [own, signingMetrics(signing), ...values.map(platform => platform.metrics)]
  const metrics = registryOf([...producers, ...(processMetrics ? [processMetrics] : [])])
  const pages = adminPages(status, metrics, mesh)
  const admin = await Admin.listen({ address: bootstrap.admin, pages, logger })
  stack.adopt(admin, server => server.close())

  const running = stack.move()
  const close = (): Promise<void> => running.disposeAsync()
  return { pushPort: push.port, adminPort: admin.port, status, drain: close, close }
}

function registryOf(producers: readonly MetricProducer[]): MetricsRegistry {
  const metrics = new MetricsRegistry()
  for (const producer of producers) metrics.register(producer)
  return metrics
}

/** What is known of the mesh, from disk and from sidecars, and who is told of it. */
async function openMesh(
  bootstrap: ControlBootstrap,
  { logger, now, random, drivers, platforms, sessionSecret }: MeshSurroundings,
  stack: AsyncDisposableStack,
): Promise<Mesh> {
  const { stateDirectory, leaseMs } = bootstrap
  const fleet = new Fleet()
  const source = sourceOf(bootstrap, platforms.values())
  const feed = await ConfigurationFeed.open({ source, logger, now })
  stack.adopt(feed, follower => follower.close())
  const publisher = new Publisher({
    fleet,
    configuration: () => feed.configuration,
    registrations: () => registry.registrations,
    sessionSecret,
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
  readonly platforms: Platforms
  readonly sessionSecret: string
}

type Platforms = ReadonlyMap<string, Platform>

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

/** To sidecars that may not see the state directory. */
async function showBundle(
  { bundle }: CertificateAuthority,
  { trustBundleFile }: ControlBootstrap,
): Promise<void> {
  if (trustBundleFile !== undefined) await writeFileAtomically(trustBundleFile, bundle, 0o644)
}

function platformMesh(
  authority: CertificateAuthority,
  { feed, registry, fleet }: Mesh,
): PlatformMesh {
  const removeRegistration = (workload: WorkloadName): void => {
    registry.remove(workload)
    fleet.end(workload)
  }
  return { authority, feed, removeRegistration }
}

function meshStatus(
  trustDomain: string,
  { feed, registry, fleet }: Mesh,
  platforms: Platforms,
): MeshStatus {
  return {
    trustDomain,
    configuration: feed.status,
    platforms: Object.fromEntries(
      [...platforms].map(([name, platform]) => [name, platform.status()]),
    ),
    sidecars: sidecarStatuses(registry.registrations, fleet),
    functions: functionStatuses(feed.configuration.functions, registry.registrations),
  }
}

function adminPages(
  status: () => MeshStatus,
  metrics: MetricsRegistry,
  { feed, scaler }: Mesh,
): Readonly<Record<string, AdminPage>> {
  const ok = jsonAnswer({ status: 'ok' })
  return {
    '/metrics': async () => ({ status: 200, ...(await metrics.expose()) }),
    '/status': () => jsonAnswer(status()),
    '/scaling': () => jsonAnswer(scaler.status),
    '/routes': () => jsonAnswer(routeStatus(feed.configuration, feed.status.leftOut)),
    '/healthz': () => ok,
    // The port opens last of all, so whoever reads this can be served.
    '/readyz': () => ok,
  }
}
