// Numbers of RFC 9113.

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const flag = {
  endStream: 0x1,
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const

export const errorCode = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
} as const

export const settingId = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
  /** RFC 8441. */
  enableConnectProtocol: 0x8,
  /**
   * Private to Weft, from the range RFC 9113 leaves to experiments: 1 says that the peer understands the
   * `weft-…` fields of `private-fields.ts`.
   */
  weftFields: 0xf3e7,
} as const

export const frameHeaderBytes = 9
export const defaultWindowBytes = 65_535
export const maxWindowBytes = 2 ** 31 - 1
export const maxStreamId = 2 ** 31 - 1
export const minMaxFrameBytes = 16_384
export const maxMaxFrameBytes = 2 ** 24 - 1

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/** The peer broke the protocol so that the connection cannot go on: GOAWAY with `code`. */
export class ConnectionFault extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}
