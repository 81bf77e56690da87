/** What the application behind a Service port speaks, as far as it makes a difference to a proxy. */
export type AppProtocol = 'http' | 'http2' | 'tcp'

/**
 * Kubernetes' standard application protocols (KEP-3726), the names of Istio's protocol selection, and those that
 * IANA gives to protocols which are not looked at here.
 */
const known: ReadonlyMap<string, AppProtocol> = new Map([
  ['grpc-web', 'http'],
  ['http', 'http'],
  ['ws', 'http'],
  ['kubernetes.io/ws', 'http'],
  ['http2', 'http2'],
  ['h2c', 'http2'],
  ['grpc', 'http2'],
  ['kubernetes.io/h2c', 'http2'],
  ['tcp', 'tcp'],
  ['tls', 'tcp'],
  ['https', 'tcp'],
  ['wss', 'tcp'],
  ['kubernetes.io/wss', 'tcp'],
  ['amqp', 'tcp'],
  ['kafka', 'tcp'],
  ['ldap', 'tcp'],
  ['memcached', 'tcp'],
  ['mongo', 'tcp'],
  ['mqtt', 'tcp'],
  ['mysql', 'tcp'],
  ['nats', 'tcp'],
  ['postgres', 'tcp'],
  ['postgresql', 'tcp'],
  ['redis', 'tcp'],
  ['smtp', 'tcp'],
])

interface DeclaredPort {
  /** `<protocol>` or `<protocol>-<suffix>`. */
  readonly name?: string | undefined
  readonly appProtocol?: string | undefined
}

/** `appProtocol` counts before the name. Undefined: nothing was said, or nothing that is known here. */
export function declaredProtocol({ name, appProtocol }: DeclaredPort): AppProtocol | undefined {
  if (appProtocol !== undefined) return known.get(appProtocol.toLowerCase())
  if (name === undefined) return undefined
  // `grpc-web` stands before `grpc`, which it begins with.
  for (const [protocol, speaks] of known)
    if (name === protocol || name.startsWith(`${protocol}-`)) return speaks
  return undefined
}
