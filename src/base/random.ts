/** Uniform in [0, 1). Injected wherever a choice is made, so tests can decide it. */
export type Random = () => number

export const systemRandom: Random = () => Math.random()

/** `ms` spread evenly over ±`share` of itself, so that a fleet does not act in step. */
export function jitter(ms: number, share: number, random: Random): number {
  return ms * (1 - share + 2 * share * random())
}
