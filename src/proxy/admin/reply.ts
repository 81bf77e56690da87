import { ExchangeError } from '../../base/errors.ts'
import { HeaderList } from '../../http/headers.ts'
import type { RequestReceiver, ServerStream } from '../../http/stream.ts'
import type { AdminAnswer } from './answer.ts'

const sliceBytes = 64 * 1024

/** Answers one request, as fast as its client reads; what the client sends besides is ignored. */
export class Reply implements RequestReceiver {
  readonly #stream: ServerStream
  readonly #onOver: () => void
  /** Of the body, what is not written yet. */
  #rest: Buffer | undefined
  #over = false

  /** @param onOver called once, when the answer has been handed over or the client has gone. */
  constructor(stream: ServerStream, onOver: () => void) {
    this.#stream = stream
    this.#onOver = onOver
    stream.receiver = this
  }

  send({ status, contentType, body }: AdminAnswer): void {
    if (this.#over) return
    const bytes = Buffer.from(body)
    const headers = HeaderList.of({ 'content-type': contentType })
    const bodyless = this.#stream.request.method === 'HEAD'
    this.#stream.sendHead(
      { status, reason: '', headers, version: '1.1', bodyLength: bytes.length },
      bodyless,
    )
    if (bodyless) return this.#end()
    this.#rest = bytes
    this.onWritable()
  }

  fail(error: unknown): void {
    if (this.#over) return
    this.#stream.reset(new ExchangeError('upstream_reset', 'the page failed', error))
    this.#end()
  }

  onBody(): void {}

  onEnd(): void {}

  onReset(): void {
    this.#rest = undefined
    this.#end()
  }

  onWritable(): void {
    while (this.#rest !== undefined) {
      const slice = this.#rest.subarray(0, sliceBytes)
      const rest = this.#rest.subarray(sliceBytes)
      const wait = !this.#stream.write(slice)
      if (rest.length === 0) {
        this.#rest = undefined
        this.#stream.end()
        return this.#end()
      }
      this.#rest = rest
      if (wait) return
    }
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#onOver()
  }
}
