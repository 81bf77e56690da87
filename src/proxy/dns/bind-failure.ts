/** Why a service's port is not bound, and what to do. */
export interface BindFailure {
  /** The system's code, or ours: `reserved`, `limit`. */
  readonly code: string
  readonly advice: string
}

const advices: ReadonlyMap<string, string> = new Map([
  [
    'EACCES',
    'ports below 1024 need `sysctl net.ipv4.ip_unprivileged_port_start=0` or CAP_NET_BIND_SERVICE',
  ],
  [
    'EADDRINUSE',
    'another program has this port on all addresses; let it listen on its own address only, or give the Service another port',
  ],
  [
    'EADDRNOTAVAIL',
    'this system has 127.0.0.1 only; Linux has all of 127.0.0.0/8, on macOS add each address with `ifconfig lo0 alias`',
  ],
  [
    'reserved',
    'the application of this sidecar listens on the same port, perhaps on all addresses; give the Service another port, with this one as `targetPort`',
  ],
  ['limit', 'too many ports of services; use upstreams or the outbound port for some'],
])

/** @param cause one of our own codes, or what `listen` threw. */
export function describeBindFailure(cause: unknown): BindFailure {
  const code = typeof cause === 'string' ? cause : codeOf(cause)
  const message = cause instanceof Error ? cause.message : code
  return { code, advice: advices.get(code) ?? message }
}

/** The first on the way down the causes. */
function codeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause)
    if ('code' in at && typeof at.code === 'string') return at.code
  return 'unknown'
}
