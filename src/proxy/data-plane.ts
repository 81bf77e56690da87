import { networkInterfaces } from 'node:os'
import { monotonicNow, wallNow } from '../base/clock.ts'
import { ExchangeError } from '../base/errors.ts'
import { LogLimit } from '../base/log-limit.ts'
import type { Logger } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { sweepBlocks } from '../http/block-pool.ts'
import { defaultLimits, meshLimits } from '../http/limits.ts'
import { Activator } from './functions/activator.ts'
import type { FunctionHosting } from '../functions/function-hosting.ts'
import type { IdentityHolder } from '../identity/identity-holder.ts'
import type { ProxyBootstrap, SocketAddress } from '../model/bootstrap.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { AccessLog } from '../telemetry/access-log.ts'
import type { RequestStats } from '../telemetry/request-stats.ts'
import { Dialer } from './upstream/dialer.ts'
import { AccessLogFilter } from './filters/access-log.ts'
import { CallCorrelation } from './exchange/call-correlation.ts'
import type { Filter } from './exchange/filter.ts'
import { InboundCallsFilter, OutboundCallsFilter } from './filters/calls.ts'
import { OverloadFilter } from './filters/overload.ts'
import type { OriginalDestination } from './listener/original-destination.ts'
import { InboundListener } from './listener/inbound-listener.ts'
import { Inbound } from './inbound.ts'
import type { Listener } from './listener/listener.ts'
import { MemoryTrim, type ProcessMemory } from './memory-trim.ts'
import { Outbound } from './outbound.ts'
import type { ActivePlugin } from './plugins/active-plugin.ts'
import { PluginFilter } from './plugins/plugin-filter.ts'
import { createPlainListener } from './listener/plain-listener.ts'
import { PoolSet, type Dial } from './upstream/pool-set.ts'
import { createNameResolver, lookupBy } from './upstream/resolution/name-resolver.ts'
import { StrictDns } from './upstream/resolution/strict-dns.ts'

export interface DataPlaneOptions {
  readonly identity: IdentityHolder
  readonly logger: Logger
  /** Takes one line of the access log, without its end. */
  readonly writeAccessLog: (line: string) => void
  readonly memory: ProcessMemory
  readonly random: Random
  /** Other data planes listen on the same ports. */
  readonly sharesPorts?: boolean
  /** The application does not take connections on one of its ports. */
  readonly onRefusedByApplication?: (port: number) => void
  /** Has the control plane start a function that runs nowhere, for so many requests that wait. Default: cannot. */
  readonly activate?: (name: string, waiting: number) => void
  /** Filters of what comes from the mesh. Default: none. */
  readonly guards?: readonly Filter[]
  /** Present: this sidecar hosts a function. */
  readonly functions?: FunctionHosting | undefined
  /** In the order of the bootstrap. Default: none. */
  readonly plugins?: readonly ActivePlugin[]
  /** Asked for hosts beyond the mesh. Default: those of the system. */
  readonly resolvers?: readonly SocketAddress[]
  /** Present in transparent mode. */
  readonly originalDestination?: OriginalDestination
}

/** Local ports as they were bound. */
export interface DataPlanePorts {
  readonly outbound: number
  readonly inbound: number
  /** In the order of the bootstrap. */
  readonly upstreams: readonly number[]
}

const sweepMs = 1000
const refusalsLoggedPerSecond = 10

/** All that a request passes: listeners, chains, clusters and pools. Works by the snapshot that was applied last. */
export class DataPlane {
  readonly activator: Activator
  readonly outbound: Outbound
  readonly inbound: Inbound
  readonly inboundListener: InboundListener
  /** The outbound port, then one listener an upstream. */
  readonly outboundListeners: readonly Listener[]
  /** In transparent mode: what comes in without mTLS, and what goes out by IPv6. */
  readonly capturingListeners: readonly Listener[]
  readonly overload: OverloadFilter
  readonly plugins: readonly ActivePlugin[]
  #snapshot: Snapshot | undefined
  readonly #pools: PoolSet
  /** To the application. */
  readonly #localPools: PoolSet
  readonly #functions: FunctionHosting | undefined
  readonly #logger: Logger
  readonly #sharesPorts: boolean
  readonly #refusals = new LogLimit(refusalsLoggedPerSecond)
  readonly #sweeper: NodeJS.Timeout

  constructor(bootstrap: ProxyBootstrap, options: DataPlaneOptions) {
    const { identity, logger, writeAccessLog, memory, random, sharesPorts = false } = options
    const { application, accessLog: mode = 'errors' } = bootstrap
    const now = monotonicNow
    this.#logger = logger
    this.#functions = options.functions
    this.plugins = options.plugins ?? []
    const mayWait = options.functions === undefined
    this.#sharesPorts = sharesPorts
    const resolver = createNameResolver(options.resolvers && { servers: options.resolvers })
    const lookup = lookupBy(resolver.resolve)
    const { dial } = new Dialer({ identity, limits: defaultLimits, meshLimits, now, lookup })
    this.#pools = new PoolSet(dial)
    identity.onChange(() => this.#pools.renewMesh())
    const log = new AccessLog({ mode, write: writeAccessLog })
    const accessLog = (direction: 'inbound' | 'outbound'): AccessLogFilter =>
      new AccessLogFilter({ log, direction, wallNow })
    const environment = { pools: this.#pools, now, random }
    this.activator = new Activator({ activate: options.activate ?? (() => {}), now })
    this.overload = new OverloadFilter({ now, random })
    const correlation = new CallCorrelation()
    const inboundCalls = new InboundCallsFilter(correlation)
    this.outbound = new Outbound({
      guards: [this.overload, new OutboundCallsFilter(correlation)],
      environment,
      now,
      wallNow,
      random,
      accessLog: accessLog('outbound'),
      plugins: this.#pluginFilter('outbound', true),
      activator: this.activator,
      strictDns: new StrictDns({ resolver, logger, random }),
      ...(bootstrap.transparent !== undefined && { transparent: bootstrap.transparent }),
    })
    this.#localPools = new PoolSet(tellRefusals(dial, options.onRefusedByApplication))
    this.inbound = new Inbound({
      environment: { ...environment, pools: this.#localPools },
      now,
      random,
      application,
      accessLog: accessLog('inbound'),
      plugins: this.#pluginFilter('inbound', mayWait),
      guards: [this.overload, inboundCalls, ...(options.guards ?? [])],
      admitted: [inboundCalls.admitted],
      functions: options.functions,
      policies: {
        outboundPort: () => this.ports.outbound,
        share: 1 / (bootstrap.workers ?? 1),
      },
      wallNow,
    })
    this.inboundListener = this.#createInboundListener(bootstrap.inbound, { identity, random })
    this.outboundListeners = this.#createOutboundListeners(bootstrap, options)
    this.capturingListeners = this.#createCapturingListeners(bootstrap, options)
    const trim = new MemoryTrim(memory, () => this.#work(), monotonicNow())
    this.#sweeper = setInterval(() => this.#sweep(trim, now()), sweepMs)
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot
  }

  get ports(): DataPlanePorts {
    const [outbound = 0, ...upstreams] = this.outboundListeners.map(({ port }) => port)
    return { outbound, upstreams, inbound: this.inboundListener.listener.port }
  }

  /** @throws Error that names the port and the setting that moves it. */
  async listen(): Promise<void> {
    for (const listener of this.#listeners) await listener.listen()
  }

  /** Takes a checked snapshot over at once. */
  apply(snapshot: Snapshot): void {
    this.outbound.apply(snapshot)
    this.#functions?.apply(snapshot.inbound.function)
    this.inbound.mtls = snapshot.inbound.mtls
    this.inbound.limitConcurrency(snapshot.inbound.adaptiveConcurrency)
    this.overload.apply(snapshot.inbound.overload)
    this.inbound.policies.apply(snapshot.inbound)
    this.inboundListener.mtls = snapshot.inbound.mtls
    this.inboundListener.maxConnectionAgeMs = snapshot.inbound.maxConnectionAgeMs
    this.#snapshot = snapshot
  }

  /** A further port, not yet bound, that leads to one service; who asked for it drains and closes it. */
  createServiceListener(address: SocketAddress, service: string): Listener {
    return createPlainListener({
      ...this.#outboundOptions,
      // Another sidecar of this user could share the port, and get our application's calls.
      sharesPort: false,
      address,
      purpose: service,
      onRequest: this.outbound.chain(service).handle,
      destination: this.outbound.destination(service),
    })
  }

  /** Takes nothing new from the mesh, and finishes what came. */
  async drainInbound(): Promise<void> {
    await this.inboundListener.listener.drain()
    await this.#functions?.drain()
  }

  /** The same for calls of the application, which it may need to finish what came; so this goes last. */
  async drainOutbound(): Promise<void> {
    const listeners = [...this.outboundListeners, ...this.capturingListeners]
    await Promise.all(listeners.map(listener => listener.drain()))
  }

  /** Connections that the application has to us. */
  get outboundConnections(): number {
    return this.outboundListeners.reduce((sum, listener) => sum + listener.connections, 0)
  }

  close(): void {
    clearInterval(this.#sweeper)
    this.overload.close()
    this.activator.close()
    for (const listener of this.#listeners) listener.close()
    this.outbound.close()
    this.inbound.close()
  }

  /** Connections accepted and closed, and requests begun and ended: any of these changes it. */
  #work(): number {
    let work = 0
    for (const { accepted, connections } of this.#listeners) work += accepted * 2 - connections
    for (const side of [this.inbound, this.outbound]) {
      work += side.unrouted.duration.count
      for (const { stats, endpoints } of side.clusters.values()) {
        work += stats.duration.count
        for (const { requests } of endpoints) work += requests
      }
    }
    return work
  }

  #pluginFilter(direction: 'inbound' | 'outbound', mayWait: boolean): PluginFilter | undefined {
    const plugins = this.plugins.filter(
      plugin => plugin.direction === 'both' || plugin.direction === direction,
    )
    if (plugins.length === 0) return undefined
    return new PluginFilter({ direction, plugins, mayWait })
  }

  #sweep(trim: MemoryTrim, at: number): void {
    this.#pools.sweep(at)
    this.#localPools.sweep(at)
    sweepBlocks()
    trim.sweep(at)
  }

  get #listeners(): readonly Listener[] {
    return [this.inboundListener.listener, ...this.outboundListeners, ...this.capturingListeners]
  }

  #createInboundListener(
    address: SocketAddress,
    { identity, random }: Pick<DataPlaneOptions, 'identity' | 'random'>,
  ): InboundListener {
    const { chain, unrouted } = this.inbound
    return new InboundListener({
      address,
      identity,
      random,
      sharesPort: this.#sharesPorts,
      limits: meshLimits,
      onRequest: chain.handle,
      onRefused: error => this.#refused('inbound', unrouted, error),
      now: monotonicNow,
    })
  }

  get #outboundOptions() {
    return {
      sharesPort: this.#sharesPorts,
      limits: defaultLimits,
      onRefused: (error: ExchangeError) => this.#refused('outbound', this.outbound.unrouted, error),
      now: monotonicNow,
    }
  }

  #createOutboundListeners(
    { outbound, upstreams }: ProxyBootstrap,
    { originalDestination }: Pick<DataPlaneOptions, 'originalDestination'>,
  ): Listener[] {
    const common = this.#outboundOptions
    const captured = originalDestination && {
      originalDestination,
      destination: (original: SocketAddress) => this.outbound.captured(original),
    }
    return [
      createPlainListener({
        ...common,
        address: outbound,
        purpose: 'outbound; move it with sidecar.outboundPort of the Workload',
        onRequest: this.outbound.chain().handle,
        ...(captured !== undefined && { captured }),
      }),
      ...upstreams.map(({ host, port, service }) =>
        createPlainListener({
          ...common,
          address: { host, port },
          purpose: `upstream ${service}; move it with upstreams[].localPort of the Workload`,
          onRequest: this.outbound.chain(service).handle,
          destination: this.outbound.destination(service),
        }),
      ),
    ]
  }

  /** `weft init` redirects to loopback of the same family what goes out, and to any address what comes in. */
  #createCapturingListeners(
    { outbound, transparent }: ProxyBootstrap,
    { originalDestination }: Pick<DataPlaneOptions, 'originalDestination'>,
  ): Listener[] {
    if (transparent === undefined || originalDestination === undefined) return []
    const { inbound } = transparent
    const common = this.#outboundOptions
    const listeners: Listener[] = []
    if (hasIpv6() && outbound.host === '127.0.0.1')
      listeners.push(
        createPlainListener({
          ...common,
          address: { host: '::1', port: outbound.port },
          purpose: 'outbound by IPv6; move it with sidecar.outboundPort of the Workload',
          onRequest: this.outbound.chain().handle,
          captured: {
            originalDestination,
            destination: original => this.outbound.captured(original),
          },
        }),
      )
    if (inbound !== undefined)
      listeners.push(
        createPlainListener({
          ...common,
          address: inbound,
          purpose: 'inbound of transparent mode; move it with transparent.inbound of the bootstrap',
          onRequest: this.inbound.chain.handle,
          onRefused: error => this.#refused('inbound', this.inbound.unrouted, error),
          captured: {
            originalDestination,
            destination: original => this.inbound.captured(original),
          },
        }),
      )
    return listeners
  }

  /** A request that the codec did not understand, or would not: it never became an exchange. */
  #refused(direction: string, stats: RequestStats, error: ExchangeError): void {
    stats.observe(0, error.code, 0)
    if (!this.#refusals.admit(monotonicNow())) return
    const suppressed = this.#refusals.takeSuppressed()
    this.#logger.warn(
      { direction, reason: error.code, detail: error.message, suppressed },
      'a request was refused',
    )
  }
}

function tellRefusals(dial: Dial, onRefused: ((port: number) => void) | undefined): Dial {
  if (onRefused === undefined) return dial
  return async (target, events) => {
    try {
      return await dial(target, events)
    } catch (error) {
      if (error instanceof ExchangeError && error.code === 'connect_failed')
        onRefused(target.endpoint.port)
      throw error
    }
  }
}

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some(addresses =>
    addresses?.some(({ address }) => address === '::1'),
  )
}
