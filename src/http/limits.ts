/** Bounds on what a peer may make us hold or wait for. One object per listener or pool, shared by its connections. */
export interface HttpLimits {
  /** Request or status line plus all header lines, and the decoded size of an HTTP/2 header list. */
  readonly maxHeadBytes: number
  readonly maxHeaderCount: number
  /** Request line (414 beyond) and each header line (431 beyond). */
  readonly maxLineBytes: number
  /** Extension bytes of one chunk header. */
  readonly maxChunkExtensionBytes: number
  /** From the first byte of a head to its end, and from accept to the first byte. */
  readonly headerTimeoutMs: number
  /** Between requests on a connection, or with no byte moving within one. */
  readonly idleTimeoutMs: number
  /** With no byte moving in a tunnel: WebSocket, CONNECT, opaque TCP. Pings of its own keep it open. */
  readonly tunnelIdleTimeoutMs: number
  /** Bytes of an early-answered request body that are read away rather than closing. */
  readonly maxDrainBytes: number
  /** HTTP/2: streams a peer may have open. */
  readonly maxConcurrentStreams: number
  /** HTTP/2: receive window of a stream, so also the most it may buffer. */
  readonly streamWindowBytes: number
  /** HTTP/2: payload of the frames that a peer may send. */
  readonly maxFrameBytes: number
  /** HTTP/2: outgoing bytes held for one stream before `write` returns false. HTTP/1 goes by its socket's mark. */
  readonly highWaterBytes: number
}

export const defaultLimits: HttpLimits = {
  maxHeadBytes: 64 * 1024,
  maxHeaderCount: 100,
  maxLineBytes: 16 * 1024,
  maxChunkExtensionBytes: 1024,
  headerTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
  // As long as Envoy's idle_timeout of a TCP proxy: a pool of database connections may be silent for a while.
  tunnelIdleTimeoutMs: 3_600_000,
  maxDrainBytes: 64 * 1024,
  maxConcurrentStreams: 1000,
  streamWindowBytes: 256 * 1024,
  // What RFC 9113 §6.5.2 gives every peer.
  maxFrameBytes: 16 * 1024,
  highWaterBytes: 128 * 1024,
}

/** Between sidecars: a frame carries what one read of an application's socket makes. */
export const meshLimits: HttpLimits = { ...defaultLimits, maxFrameBytes: 64 * 1024 }
