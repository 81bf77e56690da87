import type { FunctionSpec } from '../../model/function/function.ts'
import { inheritedVariables, type EnvironmentOptions } from './environment.ts'
import { ExternalDriver } from './external-sandbox.ts'
import type { ProcessGuard } from './group-process.ts'
import { OciRuntime } from './oci/oci-runtime.ts'
import { OciDriver } from './oci/oci-sandbox.ts'
import type { Driver } from './sandbox.ts'
import { WarmPool } from './warm/warm-pool.ts'

export interface DriversOptions {
  readonly guard: ProcessGuard
  /** Our environment. */
  readonly own: EnvironmentOptions['own']
  /** For what containers need on disk: this sidecar's alone. Made when the first is started. */
  readonly containerDirectory: string
  /** What was to be kept ahead for a function can't be made. */
  readonly onTrouble: (spec: FunctionSpec, reason: string) => void
}

/** All ways in which a sidecar runs functions, for all functions together. */
export class Drivers {
  readonly #process: Driver
  readonly #oci: Driver
  readonly #external = new ExternalDriver()

  constructor({ guard, own, containerDirectory, onTrouble }: DriversOptions) {
    const environment = inheritedVariables(own)
    this.#process = new WarmPool({ guard, environment, onTrouble })
    const runtime = new OciRuntime({ directory: containerDirectory, environment })
    this.#oci = new OciDriver({ runtime, guard, environment })
  }

  readonly for = ({ driver }: FunctionSpec): Driver => {
    switch (driver) {
      case 'process':
        return this.#process
      case 'oci':
        return this.#oci
      case 'docker':
      case 'kubernetes':
        return this.#external
    }
  }

  /** After the hosts. */
  async close(): Promise<void> {
    await Promise.all([this.#process.close(), this.#oci.close(), this.#external.close()])
  }
}
