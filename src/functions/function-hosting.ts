import type { HostedFunction } from '../model/function/function.ts'
import type { FunctionEvents } from './function-events.ts'
import type { FunctionVersions } from './function-versions.ts'
import type { Drivers } from './runtime/drivers.ts'

interface FunctionHostingParts {
  readonly versions: FunctionVersions
  readonly events: FunctionEvents
  readonly drivers: Drivers
}

/** All that a sidecar does for the function that it hosts. */
export class FunctionHosting {
  readonly versions: FunctionVersions
  readonly events: FunctionEvents

  readonly #drivers: Drivers

  constructor({ versions, events, drivers }: FunctionHostingParts) {
    this.versions = versions
    this.events = events
    this.#drivers = drivers
  }

  /** As the snapshot in force says. */
  apply(hosted: HostedFunction | undefined): void {
    this.versions.apply(hosted)
    this.events.apply(hosted)
  }

  /** Resolves when nothing is under way; takes nothing new from then on. */
  async drain(): Promise<void> {
    // What runs of the queue needs instances to its end.
    await this.events.drain()
    await this.versions.drain()
  }

  /** Ends all instances; resolves when they are gone. */
  async close(): Promise<void> {
    // An event that runs would be taken to have failed by its own fault.
    await this.events.close()
    await this.versions.close()
    await this.#drivers.close()
  }
}
