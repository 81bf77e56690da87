import type { Socket } from 'node:net'
import type { WireProtocol } from '../../http/message.ts'
import type { SharedReader } from '../../http/shared-reader.ts'
import type { AppProtocol } from '../../model/app-protocol.ts'
import type { Provisional } from '../../http/tcp/server-connection.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'
import { http2ProtocolOf, httpProtocolOf, wireProtocolOf } from './first-bytes.ts'
import { Listener } from './listener.ts'
import type { OriginalDestination } from './original-destination.ts'
import { ProtocolDetector } from './protocol-detector.ts'
import { createServerCodec, type ServerCodec, type ServerCodecOptions } from './server-codec.ts'

/** Which protocol connections were taken for where it was not declared. */
export class DetectionStats {
  readonly connections: Record<WireProtocol, number> = { 'http/1.1': 0, h2: 0, tcp: 0 }
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
}

export interface PlainListenerOptions extends ServerCodecOptions {
  readonly purpose: string
  readonly address: SocketAddress
  /** As of {@link Listener}. */
  readonly sharesPort?: boolean
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
  const { purpose, address, now, captured, sharesPort = false } = options
  const listener: Listener = new Listener({
    purpose,
    address,
    now,
    sharesPort,
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
): ProtocolDetector {
  const { limits, now, declared } = options
  const undeclared = declared === undefined ? options.destination : undefined
  return new ProtocolDetector(socket, {
    reader,
    timeoutMs: limits.headerTimeoutMs,
    acceptedAt: now(),
    classify: classifiers[declared ?? 'undeclared'],
    start: (protocol, provisional) => {
      if (undeclared !== undefined) undeclared.detections.connections[protocol]++
      return startCodec(socket, { protocol, provisional }, options)
    },
    ...(undeclared !== undefined && {
      opaque: {
        warm: () => undeclared.warm(),
        silent: () => void undeclared.detections.silent++,
      },
    }),
  })
}

const classifiers = {
  http: httpProtocolOf,
  http2: http2ProtocolOf,
  undeclared: wireProtocolOf,
} as const

function startCodec(
  socket: Socket,
  detected: { readonly protocol: WireProtocol; readonly provisional?: Provisional | undefined },
  options: AcceptedOptions,
): ServerCodec {
  const { destination, originalDestination } = options
  const downstream = { ...detected, authority: destination?.authority, originalDestination }
  return createServerCodec(socket, downstream, options)
}
