import type { HeaderList } from '../http/headers.ts'
import type { WireProtocol } from '../http/message.ts'

/**
 * Application port at the peer that the request is for, as {@link targetPort} writes it, or the version or alias of a
 * function; between sidecars only.
 */
export const targetPortHeader = 'x-weft-port'

/** `8080`, or `8080/h2` and `8080/tcp` when the application is to be spoken to in something else than HTTP/1.1. */
export function targetPort(port: number, protocol: WireProtocol): string {
  return protocol === 'http/1.1' ? String(port) : `${port}/${protocol}`
}

/** Number of this try, from the second on, so that an upper hop can tell retries apart. */
export const attemptHeader = 'x-weft-attempt'

/** Time that is left to the request, in whole ms; between sidecars only. */
export const timeoutHeader = 'x-weft-timeout-ms'

/** The same between applications and whoever calls them, in Envoy's words. */
export const expectedTimeoutHeader = 'x-envoy-expected-rq-timeout-ms'

/**
 * In an answer: a hop below has tried again already, in vain, so that one more above would multiply. Between sidecars
 * only.
 */
export const retriedHeader = 'x-weft-retried'

/** `critical`, `high`, `normal` or `low`: what is shed first when a sidecar is overloaded. From applications too. */
export const priorityHeader = 'x-weft-priority'

/** Makes a request idempotent where the policy says so (draft-ietf-httpapi-idempotency-key-header). */
export const idempotencyKeyHeader = 'idempotency-key'

/** How a function is to be invoked; between sidecars only. Absent: it is called by HTTP. */
export const invocationTypeHeader = 'x-weft-invocation-type'

/** Identity of the verified caller for the application, in Envoy's format. */
const forwardedClientCert = 'x-forwarded-client-cert'

/** Of the control headers those that anybody may set. */
const honouredOfAll: ReadonlySet<string> = new Set([expectedTimeoutHeader])

/** With those that an application may set for its own sidecar. */
export const honouredOfApplication: ReadonlySet<string> = new Set([
  ...honouredOfAll,
  priorityHeader,
])

const letterX = 0x78

/**
 * What only a sidecar may say is taken from a request that comes from an application, or from who has no identity: all
 * of Weft's and of Envoy's own headers, in whatever spelling an application could take for them (faults C3, C4).
 */
export function stripControlHeaders(
  headers: HeaderList,
  honoured: ReadonlySet<string> = honouredOfAll,
): void {
  const { names } = headers
  // perf: bench pair-100B. One look at each name; most do not begin with "x".
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i]
    if (name?.charCodeAt(0) === letterX && isControl(name, honoured)) headers.delete(name)
  }
}

function isControl(spelling: string, honoured: ReadonlySet<string>): boolean {
  if (honoured.has(spelling)) return false
  const name = spelling.includes('_') ? spelling.replaceAll('_', '-') : spelling
  return name === forwardedClientCert || name.startsWith('x-weft-') || name.startsWith('x-envoy-')
}

/** Tells the application who called, on the word of this connection's certificate alone. */
export function setForwardedClientCert(headers: HeaderList, peer: string | undefined): void {
  if (peer === undefined) return stripControlHeaders(headers)
  const { names } = headers
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i]
    if (name?.length === forwardedClientCert.length && isForwardedClientCert(name))
      headers.delete(name)
  }
  headers.append(forwardedClientCert, `URI=${peer}`)
}

function isForwardedClientCert(spelling: string): boolean {
  return spelling === forwardedClientCert || spelling.replaceAll('_', '-') === forwardedClientCert
}
