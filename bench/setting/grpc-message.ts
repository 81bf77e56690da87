import { grpcCall } from '../bench-case.ts'
import { workPath } from './work-folder.ts'

/** Request and answer of the gRPC call, which nginx finds by the call's path. */
export function grpcMessageFile(): string {
  return workPath('backend', grpcCall.path)
}

/** Not compressed (0), then the length in four bytes, then the message. */
export function grpcMessage(totalBytes: number): Buffer {
  const message = Buffer.alloc(totalBytes, 'weft')
  message.writeUInt8(0)
  message.writeUInt32BE(totalBytes - 5, 1)
  return message
}
