import type { EndpointState } from './endpoint-state.ts'

/** Envoy's panic threshold: with so few available, sending all traffic to them would fell them too. */
export class PanicThreshold {
  readonly #endpoints: readonly EndpointState[]
  readonly #ratio: number
  #version = -1
  #isPanicking = false

  /** @param ratio with a smaller share available health is ignored and all serve; 0: never. */
  constructor(endpoints: readonly EndpointState[], ratio: number) {
    this.#endpoints = endpoints.filter(state => state.endpoint.weight > 0)
    this.#ratio = ratio
  }

  isPanicking(): boolean {
    const version = this.#endpoints[0]?.availability.version ?? this.#version
    if (version === this.#version) return this.#isPanicking
    this.#version = version
    let available = 0
    for (const state of this.#endpoints) if (state.available) available++
    this.#isPanicking = available < this.#ratio * this.#endpoints.length
    return this.#isPanicking
  }
}
