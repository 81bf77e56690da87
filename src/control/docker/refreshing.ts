import { setTimeout as delay } from 'node:timers/promises'

/** Longest wait for one answer. */
const timeoutMs = 4000
/** Between the end of one and the beginning of the next, so that strangers can't keep the engine busy. */
const pauseMs = 100

/**
 * An answer that is asked for once at a time, however many want it. Whoever asks while one is under way gets the next:
 * the one under way may be older than the question.
 */
export class Refreshing<T> {
  readonly #ask: (signal: AbortSignal) => Promise<T>
  readonly #closed = new AbortController()
  #busy: Promise<unknown> | undefined
  #next: Promise<T> | undefined

  constructor(ask: (signal: AbortSignal) => Promise<T>) {
    this.#ask = ask
  }

  get(): Promise<T> {
    if (this.#next !== undefined) return this.#next
    if (this.#busy === undefined) return this.#begin()
    this.#next = this.#busy.then(() => {
      this.#next = undefined
      return this.#begin()
    })
    return this.#next
  }

  /** What is under way is given up. */
  close(): void {
    this.#closed.abort()
  }

  #begin(): Promise<T> {
    const { signal } = this.#closed
    const answer = this.#ask(AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]))
    const busy = answer
      .catch(() => {})
      .then(() => delay(pauseMs, undefined, { signal, ref: false }).catch(() => {}))
      .then(() => {
        if (this.#busy === busy) this.#busy = undefined
      })
    this.#busy = busy
    return answer
  }
}
