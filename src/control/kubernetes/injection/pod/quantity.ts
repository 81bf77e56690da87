import { z } from 'zod'

/** Of the API reference, "Quantity"; the sign is left out, as nothing here may be negative. */
const quantityPattern = /^(\d+(?:\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/

const decimal = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
const binary = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 }
const factors: ReadonlyMap<string, number> = new Map([
  ...Object.entries(decimal).map(([unit, power]) => [unit, 10 ** power] as const),
  ...Object.entries(binary).map(([unit, power]) => [unit, 1024 ** power] as const),
])

/** Cores or bytes of `250m` or `64Mi`; undefined when malformed. Near enough to compare two. */
export function parseQuantity(text: string): number | undefined {
  const [, digits, unit = ''] = quantityPattern.exec(text) ?? []
  if (digits === undefined) return undefined
  const factor = unit === '' ? 1 : (factors.get(unit) ?? Number(`1${unit}`))
  return Number(digits) * factor
}

export const quantity = z
  .string()
  .refine(text => (parseQuantity(text) ?? 0) > 0, 'must be a quantity such as 100m, 0.5 or 64Mi')
