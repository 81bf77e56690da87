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

/** What only a sidecar may say is taken from a request that comes from an application (faults C3, C4). */
export function stripControlHeaders(headers: HeaderList): void {
  headers.delete(targetPortHeader)
  headers.delete(attemptHeader)
  headers.delete(timeoutHeader)
  headers.delete(invocationTypeHeader)
  headers.delete(forwardedClientCert)
}

/** Tells the application who called, on the word of this connection's certificate alone. */
export function setForwardedClientCert(headers: HeaderList, peer: string | undefined): void {
  headers.delete(forwardedClientCert)
  if (peer !== undefined) headers.append(forwardedClientCert, `URI=${peer}`)
}
