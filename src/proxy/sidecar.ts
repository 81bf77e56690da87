import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicNow, wallNow } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { Problem } from '../discovery/message.ts'
import { SnapshotFile } from '../discovery/snapshot-file.ts'
import { SubscriptionClient } from '../discovery/subscription-client.ts'
import type { FunctionHosting } from '../functions/function-hosting.ts'
import type { IdentityHolder } from '../identity/identity-holder.ts'
import { Rotation } from '../identity/rotation.ts'
import { clientTlsOptions } from '../identity/tls-options.ts'
import type { ProxyBootstrap } from '../model/bootstrap.ts'
import { qualify } from '../model/qualified-name.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { checkSnapshot } from '../model/snapshot-check/snapshot-check.ts'
import { applicationBack, applicationGone } from './application-watch.ts'
import { DnsMode } from './dns/dns-mode.ts'
import type { NameServer } from './dns/name-server.ts'
import { createFunctions, type FunctionSurroundings } from './functions/create-functions.ts'
import { LoadReporter, type LoadReporterOptions } from './functions/load-reporter.ts'
import { connectControlPlane } from './membership/control-connection.ts'
import { startHealthCheck, type StopCheck } from './upstream/health-checker.ts'
import type { ProcessMemory } from './memory-trim.ts'
import { renewIdentity } from './membership/mesh-identity.ts'
import { SharedPlanes } from './planes/shared-planes.ts'
import { SinglePlane } from './planes/single-plane.ts'
import type { TrafficPlane } from './planes/traffic-plane.ts'

export interface SidecarOptions {
  readonly identity: IdentityHolder
  readonly logger: Logger
  readonly writeAccessLog: (line: string) => void
  readonly memory: ProcessMemory
  readonly random: Random
  /** Runs already; the sidecar tells it the names, and ends it. */
  readonly nameServer?: NameServer
  /** Present where it hosts a function. */
  readonly functions?: FunctionSurroundings
  /** Of the software, for `weft status`. */
  readonly build: string
}

/** Somewhat more than the control plane waits for the others' acks. */
const leaveTimeoutMs = 3000
const healthThresholds = { timeoutMs: 1000, healthyThreshold: 1, unhealthyThreshold: 3 }

/** A data plane that has an identity, follows the control plane, and speaks for one application. */
export class Sidecar {
  readonly bootstrap: ProxyBootstrap
  readonly identity: IdentityHolder
  readonly plane: TrafficPlane
  /** Undefined where it hosts none. */
  readonly functions: FunctionHosting | undefined
  /** Undefined when it is off. */
  readonly dns: DnsMode | undefined
  readonly client: SubscriptionClient
  readonly snapshotStatus = {
    rejected: 0,
    appliedAt: 0,
    ageMs(): number {
      return monotonicNow() - this.appliedAt
    },
  }
  readonly #options: SidecarOptions
  readonly #file: SnapshotFile
  readonly #rotation: Rotation
  readonly #stopCheck: StopCheck | undefined
  readonly #loads: LoadReporter | undefined
  readonly #ended = new AbortController()
  #applicationAway = false
  #draining: Promise<void> | undefined
  #inboundDraining: Promise<boolean> | undefined
  /** The last snapshot's way to disk. */
  #stored: Promise<void> | undefined

  /** Binds the ports and works by the snapshot on disk, if there is one, before the control plane is heard of. */
  static async start(bootstrap: ProxyBootstrap, options: SidecarOptions): Promise<Sidecar> {
    const { workers = 1 } = bootstrap
    let refused = (_port: number): void => {}
    // Before there is somebody to tell nobody can call either.
    let activate = (_name: string, _waiting: number): void => {}
    let reportLoad: ReportLoad = () => false
    const { nameServer, functions, ...rest } = options
    if (workers > 1) checkSingleThread(options)
    let { port } = bootstrap.outbound
    const hosted =
      functions &&
      createFunctions(functions, options, {
        outboundPort: () => port,
        stateDirectory: bootstrap.stateDirectory,
      })
    const loads = hosted && createLoadReporter(hosted, load => reportLoad(load))
    const planeOptions = {
      ...rest,
      onRefusedByApplication: (at: number) => refused(at),
      activate: (name: string, waiting: number) => activate(name, waiting),
      guards: loads === undefined ? [] : [loads],
      // The system's would be ourselves.
      ...(nameServer !== undefined && { resolvers: nameServer.resolvers }),
    }
    const single =
      workers === 1
        ? await SinglePlane.start(bootstrap, { ...planeOptions, functions: hosted })
        : undefined
    const plane = single ?? (await SharedPlanes.start(bootstrap, workers, planeOptions))
    port = plane.ports.outbound
    const file = new SnapshotFile(join(bootstrap.stateDirectory, 'snapshot.json'))
    const stored = await readStored(file, options.logger)
    if (stored !== undefined) await plane.apply(stored)
    const dns = nameServer && single && createDns(single, bootstrap, { ...options, nameServer })
    const sidecar = new Sidecar(bootstrap, options, { plane, hosted, loads, dns, file, stored })
    activate = (name, waiting) => sidecar.client.activate(name, waiting)
    reportLoad = load => sidecar.client.reportLoad(load)
    refused = port => void sidecar.#refusedByApplication(port)
    return sidecar
  }

  private constructor(
    bootstrap: ProxyBootstrap,
    options: SidecarOptions,
    { plane, hosted, loads, dns, file, stored }: Beginning,
  ) {
    this.functions = hosted
    this.#loads = loads
    this.bootstrap = bootstrap
    this.identity = options.identity
    this.plane = plane
    this.dns = dns
    this.#options = options
    this.#file = file
    if (stored !== undefined) this.#applied(stored)
    this.client = this.#createClient(stored)
    this.#rotation = this.#startRotation()
    this.#stopCheck = this.#checkApplication()
    this.client.start()
  }

  /** What keeps it from taking traffic; undefined when it takes some. */
  get waitingFor(): string | undefined {
    if (this.#inboundDraining !== undefined) return 'its end: it drains'
    if (this.plane.snapshot === undefined) return 'the first snapshot'
    return this.dns?.ready === false ? 'the addresses of the first snapshot' : undefined
  }

  /**
   * Takes itself out of the mesh, finishes what is in flight, and serves the application's calls until it has gone;
   * all of it within the bootstrap's limit.
   */
  drain(): Promise<void> {
    this.#draining ??= this.#drain()
    return this.#draining
  }

  /**
   * The first half of {@link drain}: what comes from the mesh goes elsewhere, calls of the application go on.
   * @returns false when the bootstrap's limit was over before all was finished.
   */
  drainInbound(): Promise<boolean> {
    this.#inboundDraining ??= this.#drainInbound()
    return this.#inboundDraining
  }

  /** Resolves when nothing is written any more. */
  async close(): Promise<void> {
    this.#ended.abort()
    this.#stopCheck?.()
    this.#rotation.close()
    this.client.close()
    this.dns?.close()
    this.plane.close()
    this.#loads?.close()
    await this.functions?.close()
    await this.#stored
  }

  async #drain(): Promise<void> {
    const { drainTimeoutMs, application } = this.bootstrap
    const signal = AbortSignal.timeout(drainTimeoutMs)
    const connections = async (): Promise<number> =>
      (await this.plane.outboundConnections()) + (this.dns?.connections ?? 0)
    const finish = async (): Promise<true> => {
      await this.drainInbound()
      await applicationGone({ ...application, connections, signal })
      await Promise.all([this.plane.drainOutbound(), this.dns?.drain()])
      return true
    }
    const inTime = await Promise.race([finish(), delay(drainTimeoutMs, false, { ref: false })])
    this.#options.logger.info({ inTime }, 'drained')
    await this.close()
  }

  async #drainInbound(): Promise<boolean> {
    this.#stopCheck?.()
    const { drainTimeoutMs } = this.bootstrap
    const left = await this.client.leave(Math.min(leaveTimeoutMs, drainTimeoutMs))
    this.#options.logger.info({ left }, 'out of the mesh')
    const end = delay(drainTimeoutMs, false, { ref: false })
    return Promise.race([this.plane.drainInbound().then(() => true), end])
  }

  #createClient(stored: Snapshot | undefined): SubscriptionClient {
    const { bootstrap, plane, identity } = this
    const { workload, controlPlane, advertise, application, applicationHealth } = bootstrap
    const { logger, random, build } = this.#options
    const { namespace, name, zone } = workload
    return new SubscriptionClient({
      connect: () => connectControlPlane(controlPlane, clientTlsOptions(identity.current)),
      workload: { namespace, name },
      build,
      registration: {
        ...(advertise !== undefined && { address: advertise }),
        ports: application.ports,
        meshPort: plane.ports.inbound,
        ...(zone !== undefined && { zone }),
      },
      services: '*',
      // A function that nobody has told it yet is none that it could serve.
      ready: applicationHealth === undefined && this.#knowsFunction,
      ...(stored !== undefined && { initial: stored }),
      apply: snapshot => this.#takeOver(snapshot),
      onDisconnect: reason => logger.warn({ error: reason }, 'no stream to the control plane'),
      onActivation: event => plane.activation(event),
      random,
    })
  }

  /** All or nothing (invariant 5). Acked only when it is on disk, so that a restart knows what was acked. */
  async #takeOver(candidate: Snapshot): Promise<readonly Problem[]> {
    const check = checkSnapshot(candidate)
    if ('problems' in check) {
      this.snapshotStatus.rejected++
      return check.problems
    }
    await this.plane.apply(check.snapshot)
    // Closed meanwhile: nothing may be written any more, since nobody waits for it.
    if (this.#ended.signal.aborted) return []
    this.#applied(check.snapshot)
    if (this.functions !== undefined) this.client.setReady(this.#knowsFunction)
    const { logger } = this.#options
    this.#stored = this.#file
      .write(check.snapshot)
      .catch((error: unknown) => logger.error({ error }, 'could not store the snapshot'))
    await this.#stored
    return []
  }

  #applied(snapshot: Snapshot): void {
    this.dns?.apply(snapshot)
    this.snapshotStatus.appliedAt = monotonicNow()
  }

  get #knowsFunction(): boolean {
    return this.functions === undefined || this.functions.versions.function !== undefined
  }

  #startRotation(): Rotation {
    const { logger, random } = this.#options
    return new Rotation({
      holder: this.identity,
      renew: () => renewIdentity(this.client, this.bootstrap.stateDirectory),
      onFailure: error => logger.warn({ error }, 'could not renew the certificate'),
      now: wallNow,
      random,
    })
  }

  /**
   * Nobody should be sent to an application that takes no connections: it ends, perhaps after a GOAWAY, or has not
   * begun. Where a health check is configured, that decides.
   */
  async #refusedByApplication(port: number): Promise<void> {
    if (this.#stopCheck !== undefined || this.#applicationAway) return
    this.#applicationAway = true
    this.client.setReady(false)
    this.#options.logger.warn({ port }, 'the application takes no connections')
    await applicationBack(this.bootstrap.application.host, port, this.#ended.signal)
    this.#applicationAway = false
    if (!this.#ended.signal.aborted) this.client.setReady(true)
  }

  /** Out of everybody's endpoints while its check fails. */
  #checkApplication(): StopCheck | undefined {
    const { application, applicationHealth } = this.bootstrap
    const [port] = application.ports
    if (applicationHealth === undefined || port === undefined) return undefined
    const { logger, random } = this.#options
    return startHealthCheck({
      target: { host: application.host, port },
      policy: { ...applicationHealth, ...healthThresholds },
      random,
      healthy: false,
      onChange: healthy => {
        logger.info({ healthy }, 'the application has changed')
        this.client.setReady(healthy)
      },
    })
  }
}

function checkSingleThread({ nameServer, functions }: SidecarOptions): void {
  if (nameServer !== undefined)
    throw new Error('DNS mode works on one thread: leave out `dns` or `workers` of the sidecar')
  if (functions !== undefined)
    throw new Error('functions are hosted on one thread: leave out `workers` of the sidecar')
}

function createDns(
  plane: SinglePlane,
  bootstrap: ProxyBootstrap,
  { nameServer, logger }: Pick<Required<SidecarOptions>, 'nameServer' | 'logger'>,
): DnsMode {
  return new DnsMode({
    nameServer,
    bootstrap,
    createListener: (address, service) => plane.createServiceListener(address, service),
    logger,
  })
}

type ReportLoad = LoadReporterOptions['report']

function createLoadReporter(hosted: FunctionHosting, report: ReportLoad): LoadReporter {
  return new LoadReporter({
    name: () => {
      const known = hosted.versions.function
      return known && qualify(known)
    },
    instances: () => {
      const hosts = [...hosted.versions.hosts.values()]
      const instances = hosts.flatMap(host => host.instances)
      return {
        queued: hosts.reduce((sum, { queued }) => sum + queued, 0),
        ready: instances.filter(({ ready }) => ready).length,
      }
    },
    report,
    now: monotonicNow,
  })
}

interface Beginning {
  readonly plane: TrafficPlane
  readonly hosted: FunctionHosting | undefined
  readonly loads: LoadReporter | undefined
  readonly dns: DnsMode | undefined
  readonly file: SnapshotFile
  readonly stored: Snapshot | undefined
}

/** Another version of the program may have written it. */
async function readStored(file: SnapshotFile, logger: Logger): Promise<Snapshot | undefined> {
  const candidate = await file.read()
  if (candidate === undefined) return undefined
  const check = checkSnapshot(candidate)
  if ('snapshot' in check) return check.snapshot
  logger.warn({ problems: check.problems }, 'the snapshot on disk is of no use')
  return undefined
}
