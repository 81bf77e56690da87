export interface ServiceReference {
  readonly name: string
  readonly namespace: string
  readonly port: number | undefined
}

const pattern = /^([a-z0-9-]+)(?:\.([a-z0-9-]+)(?:\.svc(?:\.cluster\.local)?)?)?(?::(\d{1,5}))?$/

/** Reads `orders`, `orders.default` or `orders.default:80`; undefined when it is none of these. */
export function parseServiceReference(
  text: string,
  defaultNamespace: string,
): ServiceReference | undefined {
  const [, name, namespace = defaultNamespace, port] = pattern.exec(text) ?? []
  if (name === undefined) return undefined
  return { name, namespace, port: port === undefined ? undefined : Number(port) }
}
