import type { HeaderList } from '../http/headers.ts'

/** Application port at the peer that the request is for; between sidecars only. */
export const targetPortHeader = 'x-weft-port'

/** Number of this try, from the second on, so that an upper hop can tell retries apart. */
export const attemptHeader = 'x-weft-attempt'

/** Identity of the verified caller for the application, in Envoy's format. */
const forwardedClientCert = 'x-forwarded-client-cert'

/** What only a sidecar may say is taken from a request that comes from an application (faults C3, C4). */
export function stripControlHeaders(headers: HeaderList): void {
  headers.delete(targetPortHeader)
  headers.delete(attemptHeader)
  headers.delete(forwardedClientCert)
}

/** Tells the application who called, on the word of this connection's certificate alone. */
export function setForwardedClientCert(headers: HeaderList, peer: string | undefined): void {
  headers.delete(forwardedClientCert)
  if (peer !== undefined) headers.append(forwardedClientCert, `URI=${peer}`)
}
