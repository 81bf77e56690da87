import type { FunctionFault } from '../fault.ts'
import type { InvocationReceiver } from '../invocation.ts'

interface ReceiverObserver {
  /** The function has run. */
  readonly onEnd: (outcome: 'success' | 'function-error', bytes: number) => void
  /** It provably has not. The receiver has not heard of it. */
  readonly onRefused: (fault: FunctionFault) => void
}

/** Passes an invocation's outcome on, and tells somebody else how it went. */
export class ObservedReceiver implements InvocationReceiver {
  readonly #receiver: InvocationReceiver
  readonly #observer: ReceiverObserver
  #bytes = 0

  constructor(receiver: InvocationReceiver, observer: ReceiverObserver) {
    this.#receiver = receiver
    this.#observer = observer
  }

  onResult(result: Buffer, contentType: string): void {
    this.#observer.onEnd('success', result.length)
    this.#receiver.onResult(result, contentType)
  }

  onFault(fault: FunctionFault): void {
    if (fault.stage === 'throttled' || fault.stage === 'ended')
      return this.#observer.onRefused(fault)
    this.#observer.onEnd('function-error', fault.document.length)
    this.#receiver.onFault(fault)
  }

  onStreamHead(contentType: string): void {
    this.#receiver.onStreamHead(contentType)
  }

  onStreamChunk(chunk: Buffer): boolean {
    this.#bytes += chunk.length
    return this.#receiver.onStreamChunk(chunk)
  }

  onStreamEnd(fault: FunctionFault | undefined): void {
    this.#observer.onEnd(fault === undefined ? 'success' : 'function-error', this.#bytes)
    this.#receiver.onStreamEnd(fault)
  }
}
