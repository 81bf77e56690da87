import type { HeaderList } from './headers.ts'

type HttpVersion = '1.0' | '1.1' | '2'

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
