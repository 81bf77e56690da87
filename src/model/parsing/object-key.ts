export interface Named {
  readonly name: string
  readonly namespace: string
}

/** `orders.default`. */
export function keyOf({ namespace, name }: Named): string {
  return `${name}.${namespace}`
}
