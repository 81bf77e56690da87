import { Readable } from 'node:stream'
import { GrowingBuffer } from '../../../base/growing-buffer.ts'
import { BackendError } from '../backend.ts'
import { transportError } from './cloud-client.ts'

/** The whole of a body. @throws BackendError when it breaks off, or is over `maxBytes`. */
export async function readBody(body: Readable, maxBytes: number, where: string): Promise<Buffer> {
  const gathered = new GrowingBuffer()
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (gathered.length + chunk.length > maxBytes) throw tooLarge(maxBytes, where)
      gathered.append(chunk)
    }
  } catch (error) {
    throw transportError(error, where)
  } finally {
    body.destroy()
  }
  return gathered.bytes
}

interface BoundedStreamOptions {
  readonly maxBytes: number
  readonly where: string
  /** Called once, however it ends. */
  readonly onClose: () => void
}

/** The chunks as a stream that breaks off when there are more than `maxBytes`; read only as fast as it is read. */
export function boundedStream(
  chunks: AsyncIterable<Buffer>,
  { maxBytes, where, onClose }: BoundedStreamOptions,
): Readable {
  const source = bounded(chunks, maxBytes, where)
  // Not Readable.from: destroyed, it waits for the chunk that it has asked for, and nothing would end the request.
  const stream = new Readable({
    read: () => {
      source.next().then(
        ({ done, value }) => stream.push(done === true ? null : value),
        (error: unknown) => stream.destroy(error as Error),
      )
    },
    destroy: (error, callback) => {
      onClose()
      callback(error)
    },
  })
  return stream
}

async function* bounded(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number,
  where: string,
): AsyncGenerator<Buffer> {
  let bytes = 0
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length
      if (bytes > maxBytes) throw tooLarge(maxBytes, where)
      if (chunk.length > 0) yield chunk
    }
  } catch (error) {
    throw transportError(error, where)
  }
}

function tooLarge(maxBytes: number, where: string): BackendError {
  return new BackendError('answer_too_large', `${where}: the answer is over ${maxBytes} bytes`)
}
