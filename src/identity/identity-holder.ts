import type { Identity } from './identity.ts'

/** The identity in use now: listeners and pools read it for each new handshake, rotation replaces it. */
export class IdentityHolder {
  #current: Identity
  readonly #listeners = new Set<(identity: Identity) => void>()

  constructor(initial: Identity) {
    this.#current = initial
  }

  get current(): Identity {
    return this.#current
  }

  replace(identity: Identity): void {
    this.#current = identity
    for (const listener of this.#listeners) listener(identity)
  }

  /** @returns a function that ends the subscription. */
  onChange(listener: (identity: Identity) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
