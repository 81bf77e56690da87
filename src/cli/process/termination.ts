import type { EventEmitter } from 'node:events'

export type Termination =
  | { readonly kind: 'signal' }
  /** An error that nobody caught, or a rejection that nobody handled. */
  | { readonly kind: 'crash'; readonly error: unknown }

/** Listens for what tells a process to end, until disposed of. */
export class TerminationListener implements Disposable {
  readonly #source: EventEmitter
  readonly #first = Promise.withResolvers<Termination>()
  readonly #second = Promise.withResolvers<Termination>()
  #count = 0

  constructor(source: EventEmitter = process) {
    this.#source = source
    for (const name of signals) source.on(name, this.#onSignal)
    // Unhandled rejections arrive here too.
    source.on('uncaughtException', this.#onCrash)
  }

  /** Asks for an orderly end. */
  get first(): Promise<Termination> {
    return this.#first.promise
  }

  /** Has no patience left. */
  get second(): Promise<Termination> {
    return this.#second.promise
  }

  [Symbol.dispose](): void {
    for (const name of signals) this.#source.off(name, this.#onSignal)
    this.#source.off('uncaughtException', this.#onCrash)
  }

  readonly #onSignal = (): void => this.#end({ kind: 'signal' })

  readonly #onCrash = (error: unknown): void => this.#end({ kind: 'crash', error })

  #end(termination: Termination): void {
    this.#count++
    if (this.#count === 1) this.#first.resolve(termination)
    else this.#second.resolve(termination)
  }
}

/** SIGHUP: the terminal is gone. */
const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
