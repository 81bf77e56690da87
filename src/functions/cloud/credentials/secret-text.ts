import type { Expiring } from './refreshing.ts'

/** Keeps a secret out of whatever prints objects. */
export class SecretText implements Expiring {
  readonly expiresAt: number
  readonly #text: string

  constructor(text: string, expiresAt: number) {
    this.#text = text
    this.expiresAt = expiresAt
  }

  get text(): string {
    return this.#text
  }
}
