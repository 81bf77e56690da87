import { JsonFile } from '../../base/json-file.ts'
import type { Registration } from '../../model/registration.ts'
import { workloadKey, type WorkloadName } from './workload-key.ts'

export interface RegistryOptions {
  /** Where registrations outlive the process. */
  readonly path: string
  /** Time without word from a sidecar until its registration ends. */
  readonly leaseMs: number
  readonly onChange: () => void
  /** The file could not be read or written. The registry goes on: sidecars will announce themselves again. */
  readonly onFileFailure: (error: unknown) => void
}

interface Lease {
  readonly registration: Registration
  readonly timer: NodeJS.Timeout
}

/** Which workloads are there, by their own announcement. Each entry ends by its removal or with its lease. */
export class Registry {
  readonly #options: RegistryOptions
  readonly #file: JsonFile<readonly Registration[]>
  readonly #leases = new Map<string, Lease>()
  #saved: Promise<void> = Promise.resolve()

  private constructor(options: RegistryOptions, file: JsonFile<readonly Registration[]>) {
    this.#options = options
    this.#file = file
  }

  /** With what was registered when the process ended before; each gets a whole lease to come back in. */
  static async open(options: RegistryOptions): Promise<Registry> {
    const file = new JsonFile<readonly Registration[]>(options.path)
    const registry = new Registry(options, file)
    const stored = await file.read().catch((error: unknown) => {
      options.onFileFailure(error)
      return undefined
    })
    for (const registration of stored ?? []) registry.#lease(registration)
    return registry
  }

  get registrations(): readonly Registration[] {
    return [...this.#leases.values()].map(({ registration }) => registration)
  }

  find(workload: WorkloadName): Registration | undefined {
    return this.#leases.get(workloadKey(workload))?.registration
  }

  /** Enters a workload, or replaces what it said before. */
  register(registration: Registration): void {
    const former = this.find(registration)
    this.#lease(registration)
    if (!equal(former, registration)) this.#changed()
  }

  /** The sidecar was heard: its lease begins anew. */
  renew(workload: WorkloadName): void {
    const registration = this.find(workload)
    if (registration !== undefined) this.#lease(registration)
  }

  setReady(workload: WorkloadName, ready: boolean): void {
    const registration = this.find(workload)
    if (registration !== undefined) this.register({ ...registration, ready })
  }

  remove(workload: WorkloadName): void {
    const key = workloadKey(workload)
    clearTimeout(this.#leases.get(key)?.timer)
    if (this.#leases.delete(key)) this.#changed()
  }

  /** Resolves when all is on disk. */
  async close(): Promise<void> {
    for (const { timer } of this.#leases.values()) clearTimeout(timer)
    await this.#saved
  }

  #lease(registration: Registration): void {
    const key = workloadKey(registration)
    clearTimeout(this.#leases.get(key)?.timer)
    const timer = setTimeout(() => this.remove(registration), this.#options.leaseMs)
    this.#leases.set(key, { registration, timer })
  }

  #changed(): void {
    this.#saved = this.#file.write(this.registrations).catch(this.#options.onFileFailure)
    this.#options.onChange()
  }
}

/** Both are made in one place, field by field in the same order. */
function equal(one: Registration | undefined, other: Registration): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
