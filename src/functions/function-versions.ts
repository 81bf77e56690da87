import type { Random } from '../base/random.ts'
import {
  latestVersion,
  type HostedFunction,
  type FunctionSpec,
  type WeightedVersion,
} from '../model/function/function.ts'
import type { PlacementSettings } from '../model/function/function-placement.ts'
import { FunctionHost, type FunctionHostOptions } from './function-host.ts'
import { FunctionLog } from './function-log.ts'
import type { Invoker } from './invocation.ts'
import type { PlacedFunction } from './placement/placed-function.ts'

export interface FunctionVersionsOptions extends Omit<FunctionHostOptions, 'log' | 'nextNumber'> {
  readonly random: Random
  readonly createPlaced: (settings: PlacementSettings) => PlacedFunction
}

/** What was asked for, and what runs it. */
export interface ResolvedVersion {
  readonly spec: FunctionSpec
  readonly invoker: Invoker
  /** It may run elsewhere than on this host. */
  readonly isPlaced: boolean
}

/** The function that a sidecar hosts, in all its versions: each has instances of its own. */
export class FunctionVersions {
  readonly log = new FunctionLog()
  readonly #options: FunctionVersionsOptions
  readonly #hosts = new Map<string, FunctionHost>()
  /** Of versions that are no more, until they have finished. */
  readonly #leaving = new Set<FunctionHost>()
  #hosted: HostedFunction | undefined
  #placed: PlacedFunction | undefined
  #instances = 0
  #closed = false

  constructor(options: FunctionVersionsOptions) {
    this.#options = options
  }

  /** Undefined until a snapshot has told it. */
  get function(): HostedFunction | undefined {
    return this.#hosted
  }

  get hosts(): ReadonlyMap<string, FunctionHost> {
    return this.#hosts
  }

  /** Where the latest version may run; undefined: on this host only. */
  get placed(): PlacedFunction | undefined {
    return this.#placed
  }

  /** Versions that go finish what they have; new ones start when they are called. */
  apply(hosted: HostedFunction | undefined): void {
    if (this.#closed) return
    this.#hosted = hosted
    this.#place(hosted?.placement)
    const versions: Readonly<Record<string, FunctionSpec>> = hosted?.versions ?? {}
    for (const [version, host] of this.#hosts)
      if (!Object.hasOwn(versions, version)) this.#retire(version, host)
    for (const [version, spec] of Object.entries(versions)) this.#hostOf(version).apply(spec)
  }

  /** @param qualifier a version or an alias, which chooses among its versions by weight. Absent: the latest. */
  resolve(qualifier: string = latestVersion): ResolvedVersion | undefined {
    const version = this.#versionFor(qualifier)
    const host = this.#hosts.get(version)
    const spec = host?.spec
    if (host === undefined || spec === undefined) return undefined
    // What it is elsewhere we do not know by our names.
    const placed = version === latestVersion ? this.#placed : undefined
    const invoker = placed?.invoker(host, spec) ?? host
    return { spec, invoker, isPlaced: placed !== undefined }
  }

  /** Resolves when nothing is under way; takes nothing new from then on. */
  async drain(): Promise<void> {
    await Promise.all(this.#all.map(host => host.drain()))
  }

  /** Ends all instances; resolves when they are gone. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#all.map(host => host.close()))
  }

  get #all(): readonly FunctionHost[] {
    return [...this.#hosts.values(), ...this.#leaving]
  }

  #versionFor(qualifier: string): string {
    const aliases = this.#hosted?.aliases ?? {}
    const alias = Object.hasOwn(aliases, qualifier) ? aliases[qualifier] : undefined
    return alias === undefined ? qualifier : pickVersion(alias, this.#options.random)
  }

  /** What was seen of the places is kept as long as they are the same. */
  #place(settings: PlacementSettings | undefined): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#placed?.settings)) return
    this.#placed = settings && this.#options.createPlaced(settings)
  }

  #hostOf(version: string): FunctionHost {
    const known = this.#hosts.get(version)
    if (known !== undefined) return known
    const { log } = this
    const host = new FunctionHost({ ...this.#options, log, nextNumber: () => ++this.#instances })
    this.#hosts.set(version, host)
    return host
  }

  #retire(version: string, host: FunctionHost): void {
    this.#hosts.delete(version)
    this.#leaving.add(host)
    void host.drain().then(() => this.#leaving.delete(host))
  }
}

/** The empty name where all weigh nothing: no version has it. */
function pickVersion(backends: readonly WeightedVersion[], random: Random): string {
  const total = backends.reduce((sum, { weight }) => sum + weight, 0)
  let left = random() * total
  return backends.find(({ weight }) => (left -= weight) < 0)?.version ?? ''
}
