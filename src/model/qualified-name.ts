/** An object of a kind that is known; a resource's metadata serves as one. */
export interface Named {
  readonly name: string
  readonly namespace: string
}

/** `orders.default`. */
export function qualify({ name, namespace }: Named): string {
  return `${name}.${namespace}`
}
