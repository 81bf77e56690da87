import { BackendError } from '../backend.ts'

/** Aborts at a deadline, or with its parent. Has to be ended, or its timer stays. */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #parent: AbortSignal
  readonly #timer: NodeJS.Timeout
  readonly #onAbort: () => void

  /** `timeoutMs`: from now; below 0 counts as passed. */
  constructor(timeoutMs: number, parent: AbortSignal) {
    this.#parent = parent
    this.#onAbort = () => this.#abort('aborted', 'the caller went away')
    this.#timer = setTimeout(
      () => this.#abort('timeout', 'the deadline passed before the answer came'),
      Math.max(0, Math.min(timeoutMs, longestTimerMs)),
    )
    if (parent.aborted) this.#onAbort()
    else parent.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Its reason is a {@link BackendError}. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#parent.removeEventListener('abort', this.#onAbort)
  }

  /** Ends it, and whatever hangs on its signal. */
  cancel(): void {
    this.#abort('aborted', 'the answer is no longer wanted')
  }

  #abort(code: 'aborted' | 'timeout', message: string): void {
    this.end()
    this.#controller.abort(new BackendError(code, message))
  }
}

/** Node takes no longer ones. */
const longestTimerMs = 2_147_483_647

/** Settles with `promise`, or rejects with the signal's reason when that comes first. `late` gets what comes after. */
export function orAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  late: (value: T) => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    promise.then(
      value => {
        if (signal.aborted) late(value)
        signal.removeEventListener('abort', onAbort)
        resolve(value)
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort)
        reject(error as Error)
      },
    )
  })
}
