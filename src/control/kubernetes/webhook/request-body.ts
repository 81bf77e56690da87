import type { IncomingMessage } from 'node:http'

/** A request that is answered with this status, and words. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** What a request may send: the API server itself takes no more of an object. */
const maxBodyBytes = 3 * 1024 * 1024
/** Of all requests at once. */
const maxHeldBytes = 32 * 1024 * 1024

/** Reads the bodies of requests, which together hold so many bytes at most. */
export class RequestBodies {
  #held = 0

  /** @throws RequestError 413 or 503; Error when the sender breaks off. */
  async read(request: IncomingMessage): Promise<string> {
    const announced = Number(request.headers['content-length'] ?? 0)
    if (announced > maxBodyBytes) throw tooLarge()
    const chunks: Buffer[] = []
    let bytes = 0
    try {
      for await (const chunk of request.iterator({ destroyOnReturn: false })) {
        const { length } = chunk as Buffer
        bytes += length
        this.#held += length
        if (bytes > maxBodyBytes) throw tooLarge()
        if (this.#held > maxHeldBytes) throw new RequestError(503, 'too much is being sent at once')
        chunks.push(chunk as Buffer)
      }
      return Buffer.concat(chunks).toString('utf8')
    } finally {
      this.#held -= bytes
    }
  }
}

function tooLarge(): RequestError {
  return new RequestError(413, `a review has at most ${maxBodyBytes} bytes`)
}
