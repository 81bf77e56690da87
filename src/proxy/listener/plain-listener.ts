import type { Socket } from 'node:net'
import type { WireProtocol } from '../../http/message.ts'
import type { SharedReader } from '../../http/shared-reader.ts'
import type { AppProtocol } from '../../model/app-protocol.ts'
import type { Provisional } from '../../http/tcp/server-connection.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'
import { http2ProtocolOf, httpProtocolOf, wireProtocolOf } from './first-bytes.ts'
import { Listener } from './listener.ts'
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
}

/** A port for the local application and its people, without TLS. */
export function createPlainListener(options: PlainListenerOptions): Listener {
  const { purpose, address, now, destination, sharesPort = false } = options
  const listener: Listener = new Listener({
    purpose,
    address,
    now,
    sharesPort,
    sharesReads: true,
    accept: (socket, reader) => {
      const declared = destination === undefined ? 'http' : destination.appProtocol()
      if (declared !== 'tcp')
        return listener.track(detect(socket, reader, { ...options, declared }), socket)
      const codec = startCodec(socket, { protocol: 'tcp' }, options)
      reader?.attach(codec)
      listener.track(codec, socket)
    },
  })
  return listener
}

function detect(
  socket: Socket,
  reader: SharedReader | undefined,
  options: PlainListenerOptions & { readonly declared: 'http' | 'http2' | undefined },
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
  options: PlainListenerOptions,
): ServerCodec {
  const { authority } = options.destination ?? {}
  return createServerCodec(socket, { ...detected, authority }, options)
}
