import { crc32 } from 'node:zlib'
import type { FunctionFault } from '../fault.ts'

/** Media type of AWS's framing of events (smithy.io/2.0/aws/amazon-eventstream.html). */
export const eventStreamType = 'application/vnd.amazon.eventstream'

const stringType = 7
const preludeBytes = 12
const crcBytes = 4

/** A part of what a function returns, in `InvokeWithResponseStream`. */
export function payloadFrame(payload: Buffer): Buffer {
  return frame('PayloadChunk', 'application/octet-stream', payload)
}

/** The last frame: how the invocation has ended. */
export function completionFrame(fault: FunctionFault | undefined): Buffer {
  const document =
    fault === undefined
      ? {}
      : { ErrorCode: fault.errorType, ErrorDetails: fault.document.toString('utf8') }
  return frame('InvokeComplete', 'application/json', Buffer.from(JSON.stringify(document)))
}

/** Lengths, their checksum, headers, payload, and the checksum of it all. */
function frame(eventType: string, contentType: string, payload: Buffer): Buffer {
  const headers = Buffer.concat([
    header(':event-type', eventType),
    header(':content-type', contentType),
    header(':message-type', 'event'),
  ])
  const length = preludeBytes + headers.length + payload.length + crcBytes
  const message = Buffer.alloc(length)
  message.writeUInt32BE(length, 0)
  message.writeUInt32BE(headers.length, 4)
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8)
  headers.copy(message, preludeBytes)
  payload.copy(message, preludeBytes + headers.length)
  message.writeUInt32BE(crc32(message.subarray(0, length - crcBytes)), length - crcBytes)
  return message
}

function header(name: string, value: string): Buffer {
  const start = Buffer.from([name.length, ...Buffer.from(name), stringType, 0, value.length])
  return Buffer.concat([start, Buffer.from(value)])
}
