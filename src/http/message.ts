import type { HeaderList } from './headers.ts'

type HttpVersion = '1.0' | '1.1' | '2'

/** ALPN protocol ID (RFC 7301) of what a connection speaks; without TLS `h2` is HTTP/2 with prior knowledge. */
export type HttpProtocol = 'http/1.1' | 'h2'

/** `tcp`: bytes in both directions that nobody looks at, which an exchange carries as the tunnel of a CONNECT. */
export type WireProtocol = HttpProtocol | 'tcp'

/** A body whose length the sender did not announce: chunked, or DATA until END_STREAM. */
export const unknownLength = -1

/**
 * A request head, neutral of its wire. `headers` holds end-to-end fields only: no `host`, no framing
 * (`content-length`, `transfer-encoding`), nothing hop-by-hop (RFC 9110 §7.6.1), no `expect`.
 */
export interface RequestHead {
  method: string
  scheme: 'http' | 'https'
  /** host[:port], lower-case, from the absolute-form target, else `Host`, else `:authority`. */
  authority: string
  /** Origin-form target with its query, or `*` for OPTIONS, or empty for CONNECT. */
  path: string
  headers: HeaderList
  version: HttpVersion
  /** Bytes announced; 0: no body follows; {@link unknownLength}. */
  bodyLength: number
  /** Lower-case protocol the client asks to switch to (`websocket`). A tunnel follows only on 101. */
  upgrade: string | undefined
  /** The client waits for `100 Continue`; a sender writes `Expect: 100-continue` again. */
  expectContinue: boolean
  /** The client takes trailers (`TE: trailers`, or HTTP/2 with it). */
  acceptsTrailers: boolean
}

/** Whether a good answer turns both halves into raw bytes (RFC 9110 §7.8 and §9.3.6), so that neither has an end yet. */
export function asksForTunnel({ method, upgrade }: RequestHead): boolean {
  return upgrade !== undefined || method === 'CONNECT'
}

/** Whether `head` is that answer: 101, or 2xx to a CONNECT. */
export function opensTunnel(request: RequestHead, { status }: ResponseHead): boolean {
  return status === 101 || (request.method === 'CONNECT' && status >= 200 && status < 300)
}

/** A response head, as neutral as {@link RequestHead}. */
export interface ResponseHead {
  status: number
  /** Reason phrase of HTTP/1.x; when empty (HTTP/2, local replies) the writer puts the standard one. */
  reason: string
  headers: HeaderList
  version: HttpVersion
  /**
   * Bytes announced; 0: none follow; {@link unknownLength}. For an answer to HEAD and for 304 it is what
   * `content-length` said, to be repeated, and no body follows whatever it says.
   */
  bodyLength: number
}
