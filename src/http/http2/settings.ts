import {
  ConnectionFault,
  defaultWindowBytes,
  errorCode,
  maxMaxFrameBytes,
  maxWindowBytes,
  minMaxFrameBytes,
  settingId,
} from './protocol.ts'

/** No peer needs more; each costs us work. */
const maxPairs = 64

/** What the peer has announced (RFC 9113 §6.5.2), with the protocol's initial values until it does. */
export class PeerSettings {
  headerTableBytes = 4096
  maxConcurrentStreams = Infinity
  initialWindowBytes = defaultWindowBytes
  maxFrameBytes = minMaxFrameBytes
  enableConnectProtocol = false
  /** The peer is a Weft sidecar that takes private fields. */
  weftFields = false

  /** Takes the payload of a SETTINGS frame, in order. @throws {ConnectionFault} */
  apply(bytes: Buffer, start: number, end: number): void {
    if (end - start > maxPairs * 6)
      throw new ConnectionFault(errorCode.enhanceYourCalm, 'oversized SETTINGS')
    for (let at = start; at < end; at += 6)
      this.#set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2))
  }

  #set(id: number, value: number): void {
    switch (id) {
      case settingId.headerTableSize:
        this.headerTableBytes = value
        return
      case settingId.enablePush:
        within(id, value, 0, 1)
        return
      case settingId.maxConcurrentStreams:
        this.maxConcurrentStreams = value
        return
      case settingId.initialWindowSize:
        if (value > maxWindowBytes)
          throw new ConnectionFault(errorCode.flowControlError, 'initial window too large')
        this.initialWindowBytes = value
        return
      case settingId.maxFrameSize:
        this.maxFrameBytes = within(id, value, minMaxFrameBytes, maxMaxFrameBytes)
        return
      case settingId.enableConnectProtocol:
        // RFC 8441 §3: it cannot be taken back.
        this.enableConnectProtocol = within(id, value, Number(this.enableConnectProtocol), 1) === 1
        return
      case settingId.weftFields:
        this.weftFields = value === 1
        return
      default:
      // RFC 9113 §6.5.2: unknown settings are ignored.
    }
  }
}

function within(id: number, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value
  throw new ConnectionFault(errorCode.protocolError, `setting ${id} cannot be ${value}`)
}
