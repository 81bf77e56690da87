import { maxPayloadBytes } from '../model/function/function.ts'
import type { FaultStage, FunctionFault } from './fault.ts'
import type { Invocation, InvocationReceiver, Invoker } from './invocation.ts'
import type { Outcome } from './queue/outcome.ts'

/** No fault of the function's: such a run does not count as one of those that its event has. */
const notRun: Partial<Record<FaultStage, 'throttled' | 'unavailable' | 'system-error'>> = {
  throttled: 'throttled',
  ended: 'unavailable',
  'not-placed': 'unavailable',
  backend: 'system-error',
}

/** One run of an event for which nobody waits: what the function returns, streamed or not, becomes an outcome. */
export class EventRun implements InvocationReceiver {
  readonly #version: string
  readonly #settle: (outcome: Outcome) => void
  readonly #chunks: Buffer[] = []
  #bytes = 0

  private constructor(version: string, settle: (outcome: Outcome) => void) {
    this.#version = version
    this.#settle = settle
  }

  /** Resolves when the function has answered, or did not run. An aborted run is no longer waited for. */
  static run(
    invoker: Invoker,
    invocation: Omit<Invocation, 'receiver'>,
    { version, signal }: { readonly version: string; readonly signal: AbortSignal },
  ): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const invoked = invoker.invoke({ ...invocation, receiver: new EventRun(version, resolve) })
    const abort = (): void => {
      invoked.cancel()
      resolve({ kind: 'system-error', detail: 'the run was given up' })
    }
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    return promise.finally(() => signal.removeEventListener('abort', abort))
  }

  onResult(result: Buffer): void {
    this.#settle({ kind: 'success', result, version: this.#version })
  }

  onFault({ stage, message, document, errorType }: FunctionFault): void {
    const kind = notRun[stage]
    if (kind === undefined)
      this.#settle({ kind: 'function-error', document, errorType, version: this.#version })
    else this.#settle({ kind, detail: message })
  }

  onStreamHead(): void {}

  /** More than a result may have is not kept: it stands in a record at most. */
  onStreamChunk(chunk: Buffer): boolean {
    this.#bytes += chunk.length
    if (this.#bytes <= maxPayloadBytes) this.#chunks.push(Buffer.from(chunk))
    return true
  }

  onStreamEnd(fault: FunctionFault | undefined): void {
    if (fault === undefined) this.onResult(Buffer.concat(this.#chunks))
    else this.onFault(fault)
  }
}
