import type { Socket } from 'node:net'
import type { WireProtocol } from '../../http/message.ts'
import type { SharedReader } from '../../http/shared-reader.ts'
import type { AppProtocol } from '../../model/app-protocol.ts'
import type { Provisional } from '../../http/tcp/server-connection.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'
import { readClientHello } from './client-hello.ts'
import { http2ProtocolOf, httpProtocolOf, wireProtocolOf } from './first-bytes.ts'
import { Listener } from './listener.ts'
import type { OriginalDestination } from './original-destination.ts'
import { type DetectedProtocol, ProtocolDetector } from './protocol-detector.ts'
import { createServerCodec, type ServerCodec, type ServerCodecOptions } from './server-codec.ts'

/** Which protocol connections were taken for where it was not declared. */
export class DetectionStats {
  /** Only those of `tls` that were looked into. */
  readonly connections: Record<DetectedProtocol, number> = { 'http/1.1': 0, h2: 0, tcp: 0, tls: 0 }
  /** Those of `tcp` that were so because the client said nothing. */
  silent = 0
}

/** Where all connections of a listener go to. */
export interface Destination {
  /** host:port as callers write it. */
  readonly authority: string
  /** What is known of it now; undefined: each connection shows it. */
  appProtocol(): AppProtocol | undefined
  /** Raw bytes will probably go there soon. */
  warm(): void
  readonly detections: DetectionStats
  /**
   * Present where the address says nothing: the authority for TLS of the application's own that asks for
   * `serverName`.
   */
  readonly named?: (serverName: string) => string
}

export interface PlainListenerOptions extends ServerCodecOptions {
  readonly purpose: string
  readonly address: SocketAddress
  /** As of {@link Listener}. */
  readonly sharesPort?: boolean
  readonly maxConnections?: number
  /** Present: other protocols than HTTP go there too. Absent: each request says where it goes. */
  readonly destination?: Destination
  /** Present in transparent mode. */
  readonly captured?: Captured
}

/** How connections that iptables has redirected are told from others, and where they go. */
interface Captured {
  readonly originalDestination: OriginalDestination
  destination(original: SocketAddress): Destination
}

/** A port for the local application and its people, without TLS. */
export function createPlainListener(options: PlainListenerOptions): Listener {
  const { purpose, address, now, captured, sharesPort = false, maxConnections } = options
  const listener: Listener = new Listener({
    purpose,
    address,
    now,
    sharesPort,
    ...(maxConnections !== undefined && { maxConnections }),
    sharesReads: true,
    accept: (socket, reader) => {
      const original = captured?.originalDestination(socket)
      const destination =
        original === undefined ? options.destination : captured?.destination(original)
      const declared = destination === undefined ? 'http' : destination.appProtocol()
      const accepted = { ...options, destination, originalDestination: original }
      if (declared !== 'tcp')
        return listener.track(detect(socket, reader, { ...accepted, declared }), socket)
      const codec = startCodec(socket, { protocol: 'tcp' }, accepted)
      reader?.attach(codec)
      listener.track(codec, socket)
    },
  })
  return listener
}

interface AcceptedOptions extends ServerCodecOptions {
  readonly destination: Destination | undefined
  readonly originalDestination: SocketAddress | undefined
}

function detect(
  socket: Socket,
  reader: SharedReader | undefined,
  options: AcceptedOptions & { readonly declared: 'http' | 'http2' | undefined },
): ProtocolDetector<DetectedProtocol> {
  const { limits, now, declared } = options
  const undeclared = declared === undefined ? options.destination : undefined
  const named = undeclared?.named && new NamedTls(undeclared.named)
  return new ProtocolDetector<DetectedProtocol>(socket, {
    reader,
    timeoutMs: limits.headerTimeoutMs,
    acceptedAt: now(),
    classify: named?.classify ?? classifiers[declared ?? 'undeclared'],
    start: (detected, provisional) => {
      if (undeclared !== undefined) undeclared.detections.connections[detected]++
      const protocol = detected === 'tls' ? 'tcp' : detected
      const authority = detected === 'tls' ? named?.authority : undefined
      return startCodec(socket, { protocol, provisional, authority }, options)
    },
    ...(undeclared !== undefined && {
      opaque: {
        warm: () => undeclared.warm(),
        silent: () => void undeclared.detections.silent++,
      },
    }),
  })
}

/** Tells TLS that names its destination from all else, and remembers the name. */
class NamedTls {
  /** Where it goes, once `tls` was found. */
  authority: string | undefined
  readonly #named: (serverName: string) => string
  readonly classify = (bytes: Buffer): DetectedProtocol | undefined => {
    const protocol = wireProtocolOf(bytes)
    if (protocol !== 'tcp') return protocol
    const hello = readClientHello(bytes)
    if (hello === 'incomplete') return undefined
    if (hello?.serverName === undefined) return 'tcp'
    this.authority = this.#named(hello.serverName)
    return 'tls'
  }

  constructor(named: (serverName: string) => string) {
    this.#named = named
  }
}

const classifiers = {
  http: httpProtocolOf,
  http2: http2ProtocolOf,
  undeclared: wireProtocolOf,
} as const

function startCodec(
  socket: Socket,
  detected: {
    readonly protocol: WireProtocol
    readonly provisional?: Provisional | undefined
    readonly authority?: string | undefined
  },
  options: AcceptedOptions,
): ServerCodec {
  const { destination, originalDestination } = options
  const authority = detected.authority ?? destination?.authority
  const downstream = { ...detected, authority, originalDestination }
  return createServerCodec(socket, downstream, options)
}
