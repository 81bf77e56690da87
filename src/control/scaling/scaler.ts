import type { Now } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { Activate, FunctionLoad } from '../../discovery/message.ts'
import { functionLabel, latestVersion, type FunctionDriver } from '../../model/function/function.ts'
import type { FunctionResource } from '../../model/kinds/function/function.ts'
import type { Registration } from '../../model/registration.ts'
import { qualify } from '../../model/qualified-name.ts'
import { compileFunction } from '../compilation/function-compiler.ts'
import { workloadKey, type WorkloadName } from '../sidecars/workload-key.ts'
import {
  FunctionScaler,
  type KnownHosts,
  type ScalerBounds,
  type WaitingCaller,
} from './function-scaler.ts'
import { isScaledHere, scalingPolicyOf } from './scaling-policy.ts'
import type { ScaledFunction, WorkloadDriver } from './workload-driver.ts'

/** By what functions ask for. One object may stand for several. */
export type WorkloadDrivers = Partial<Record<FunctionDriver, WorkloadDriver>>

export interface ScalerOptions {
  readonly drivers: WorkloadDrivers
  readonly functions: () => readonly FunctionResource[]
  readonly registrations: () => readonly Registration[]
  readonly isConnected: (workload: WorkloadName) => boolean
  readonly removeRegistration: (workload: WorkloadName) => void
  /** Pushes what has changed without further delay: somebody waits for it. */
  readonly publish: () => void
  readonly now: Now
  readonly random: Random
  readonly logger: Logger
  readonly bounds?: Partial<ScalerBounds>
}

const defaultBounds: ScalerBounds = { driverMs: 60_000, readyMs: 30_000, tickMs: 2000 }

/**
 * Starts and ends the hosts of functions that the control plane is in charge of, by what callers wait for and hosts
 * report. Of several control planes on one configuration only one may have drivers: they do not know of each other.
 */
export class Scaler {
  readonly #options: ScalerOptions
  readonly #functions = new Map<string, FunctionScaler>()
  /** Of functions that are no more. */
  readonly #removals = new Map<FunctionScaler, Promise<void>>()

  constructor(options: ScalerOptions) {
    this.#options = options
    for (const driver of new Set(Object.values(options.drivers)))
      driver.watch((name, why) => this.#functions.get(name)?.lost(why))
  }

  get status() {
    return [...this.#functions.values()].map(({ status }) => status)
  }

  /** Functions may have come, changed or gone. */
  configurationChanged(): void {
    const { functions, drivers } = this.#options
    const resources = new Map(
      functions()
        .filter(isScaledHere)
        .map(resource => [qualify(resource.metadata), resource]),
    )
    for (const [name, scaler] of this.#functions) {
      const driver = resources.get(name)?.spec.driver
      if (driver === undefined || drivers[driver] !== scaler.driver) this.#remove(name, scaler)
    }
    for (const resource of resources.values()) {
      const driver = drivers[resource.spec.driver]
      if (driver !== undefined) this.#apply(resource, driver)
    }
  }

  registrationsChanged(): void {
    let awaited = false
    for (const scaler of this.#functions.values())
      awaited = scaler.registrationsChanged() || awaited
    if (awaited) this.#options.publish()
  }

  activate(caller: WaitingCaller, { function: name, waiting }: Activate): void {
    const scaler = this.#functions.get(name)
    if (scaler !== undefined) scaler.activate(caller, waiting)
    else
      caller.send({
        type: 'activation',
        function: name,
        state: 'refused',
        reason: this.#whyNot(name),
      })
  }

  /** @param host whose function it is, as its join token says. */
  load(host: WorkloadName, load: FunctionLoad): void {
    this.#functions.get(load.function)?.load(workloadKey(host), load)
  }

  /** A stream has ended. @param hosted the function of its sidecar, if it hosts one. */
  disconnected(caller: WaitingCaller, { namespace, name }: WorkloadName, hosted?: string): void {
    for (const scaler of this.#functions.values()) scaler.callerGone(caller)
    if (hosted !== undefined)
      this.#functions
        .get(qualify({ name: hosted, namespace }))
        ?.hostGone(workloadKey({ namespace, name }))
  }

  /** What runs goes on running. */
  async close(): Promise<void> {
    const scalers = [...this.#functions.values(), ...this.#removals.keys()]
    await Promise.all(scalers.map(scaler => scaler.close()))
    await Promise.all(this.#removals.values())
  }

  #apply(resource: FunctionResource, driver: WorkloadDriver): void {
    const fn = scaledFunction(resource)
    const policy = scalingPolicyOf(resource, driver.instancesPerHost)
    const known = this.#functions.get(qualify(fn))
    if (known !== undefined) return known.update(fn, policy)
    const { now, random, logger, bounds } = this.#options
    const scaler = new FunctionScaler(fn, policy, {
      driver,
      hosts: () => this.#hostsOf(fn),
      removeDisconnected: count => this.#removeDisconnected(fn, count),
      now,
      random,
      logger,
      bounds: { ...defaultBounds, ...bounds },
    })
    this.#functions.set(qualify(fn), scaler)
    void scaler.start()
  }

  #remove(name: string, scaler: FunctionScaler): void {
    this.#functions.delete(name)
    const removal = scaler.remove().finally(() => this.#removals.delete(scaler))
    this.#removals.set(scaler, removal)
  }

  #registered(fn: ScaledFunction): Registration[] {
    return this.#options
      .registrations()
      .filter(
        ({ namespace, labels }) => namespace === fn.namespace && labels[functionLabel] === fn.name,
      )
  }

  #hostsOf(fn: ScaledFunction): KnownHosts {
    const hosts = this.#registered(fn).filter(({ ready }) => ready)
    const { isConnected } = this.#options
    return {
      ready: hosts.map(({ name }) => name),
      disconnected: hosts.filter(host => !isConnected(host)).length,
    }
  }

  #removeDisconnected(fn: ScaledFunction, count: number): void {
    const { isConnected, removeRegistration } = this.#options
    const gone = this.#registered(fn).filter(host => host.ready && !isConnected(host))
    for (const host of gone.slice(0, count)) removeRegistration(host)
  }

  #whyNot(name: string): string {
    const resource = this.#options.functions().find(({ metadata }) => qualify(metadata) === name)
    if (resource === undefined) return `there is no function ${name}`
    if (!isScaledHere(resource))
      return `the control plane does not start ${name}: its sidecar is to run all the time`
    return `the control plane has no driver "${resource.spec.driver}": name it in the file of its --scaling`
  }
}

/** What the rest of the mesh adds is of no concern to what runs. */
const unneeded = { queue: undefined, region: undefined }

function scaledFunction(resource: FunctionResource): ScaledFunction {
  const { metadata, spec } = resource
  const { name, namespace } = metadata
  return {
    name,
    namespace,
    serviceAccount: spec.serviceAccount ?? name,
    spec: compileFunction(resource, unneeded).versions[latestVersion],
  }
}
