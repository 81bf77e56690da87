import type { RequestReceiver, ServerStream } from '../../src/http/stream.ts'
import { responseHead } from './requests.ts'

/** Answers with the request's body, framed as it came. */
export function echo(stream: ServerStream): void {
  const { bodyLength } = stream.request
  stream.sendHead(responseHead(200, { bodyLength }), bodyLength === 0)
  stream.receiver = {
    onBody(chunk) {
      if (!stream.write(chunk)) stream.pause()
    },
    onEnd: trailers => stream.end(trailers),
    onReset() {},
    onWritable: () => stream.resume(),
  }
}

/** Takes what comes of a request and does nothing with it. */
export const ignore: RequestReceiver = { onBody() {}, onEnd() {}, onReset() {}, onWritable() {} }
