/** Keeps a client at the endpoint that served it first (GEP-1619). */
export interface SessionPersistence {
  readonly type: 'cookie' | 'header'
  /** Of the cookie, or of the header, lower-case. */
  readonly name: string
  /** Of the cookie. */
  readonly path: string
  /** Secret of all sidecars that call the Service, base64url: tokens are made and checked with it. */
  readonly key: string
  /** After this it ends, however much it is used; absent: never. */
  readonly absoluteTimeoutMs?: number
  /** It ends when it is not used for so long; absent: never. */
  readonly idleTimeoutMs?: number
  /** The browser keeps the cookie for the absolute timeout; else until it is closed. */
  readonly permanent?: true
}
