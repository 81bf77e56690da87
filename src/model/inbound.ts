/** What a sidecar lets in for its own application. */
export interface Inbound {
  /** `strict` takes only mTLS; `permissive` takes plain text too and counts it. */
  readonly mtls: 'strict' | 'permissive'
  /** The application's ports, each with the Services that lead there (for metrics and routes). */
  readonly ports: readonly InboundPort[]
}

export interface InboundPort {
  readonly port: number
  readonly services: readonly string[]
}
