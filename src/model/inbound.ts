/** How a sidecar lets calls in for its own application. */
export interface Inbound {
  /** `strict` takes only mTLS; `permissive` takes plain text too and counts it. */
  readonly mtls: 'strict' | 'permissive'
}
