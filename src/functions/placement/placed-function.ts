import type { Now } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { FunctionSpec } from '../../model/function/function.ts'
import type { PlacementSettings } from '../../model/function/function-placement.ts'
import { failure, type Backend, type BackendCall, type BackendResult } from '../cloud/backend.ts'
import type { BackendFactory } from '../cloud/create-backend.ts'
import type { Invocation, Invoked, Invoker } from '../invocation.ts'
import { PlacedBackends } from './placed-backends.ts'
import { PlacedRun, type CallRecord } from './placed-run.ts'
import type { Explanation } from './placement.ts'

export interface PlacedFunctionOptions {
  readonly settings: PlacementSettings
  readonly factory: BackendFactory
  readonly logger: Logger
  readonly now: Now
  readonly random: Random
}

/** A function that may run elsewhere: its places, and what was seen of them. */
export class PlacedFunction {
  readonly settings: PlacementSettings
  readonly #options: PlacedFunctionOptions
  readonly #places: PlacedBackends
  readonly #backends: ReadonlyMap<string, Backend>

  constructor(options: PlacedFunctionOptions) {
    const { settings, factory, now, random } = options
    this.settings = settings
    this.#options = options
    this.#places = new PlacedBackends({ settings, now, random })
    this.#backends = new Map(
      settings.backends.flatMap(backend =>
        backend.kind === 'local'
          ? []
          : [
              [
                backend.name,
                new LateBackend(backend, () => factory.create(backend, settings.encryption)),
              ],
            ],
      ),
    )
  }

  /** Runs invocations where they should run now. `local`: on this host. */
  invoker(local: Invoker, { timeoutMs }: FunctionSpec): Invoker {
    return {
      invoke: (invocation: Invocation): Invoked => {
        const run = new PlacedRun(invocation, {
          places: this.#places,
          local,
          backend: name => this.#backends.get(name),
          timeoutMs,
          audit: record => this.#audit(record),
          now: this.#options.now,
        })
        run.next()
        return run
      },
    }
  }

  /** Where the next call would go, and why. */
  explain(): Explanation {
    return this.#places.explain()
  }

  #audit(record: CallRecord): void {
    const isLocal = !this.#backends.has(record.backend)
    this.#options.logger[isLocal ? 'debug' : 'info'](record, 'function: call placed')
  }
}

/** Made when it is first called, and again where that failed: a key may come later than the configuration. */
class LateBackend implements Backend {
  readonly name: string
  readonly kind: Backend['kind']
  readonly region: string | undefined
  readonly #create: () => Promise<Backend>
  #backend: Promise<Backend> | undefined

  constructor(
    { name, kind, region }: Pick<Backend, 'name' | 'kind' | 'region'>,
    create: () => Promise<Backend>,
  ) {
    this.name = name
    this.kind = kind
    this.region = region
    this.#create = create
  }

  async invoke(call: BackendCall, signal: AbortSignal): Promise<BackendResult> {
    let backend: Backend
    try {
      this.#backend ??= this.#create()
      backend = await this.#backend
    } catch (error) {
      this.#backend = undefined
      return failure('encryption', (error as Error).message, true)
    }
    return backend.invoke(call, signal)
  }
}
