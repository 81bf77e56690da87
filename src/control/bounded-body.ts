export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError'
}

/** The text of an answer. @throws BodyTooLargeError when it is longer than `maxBytes`, Error when it breaks off. */
export async function readBounded(body: AsyncIterable<unknown>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += (chunk as Buffer).length
    if (bytes > maxBytes) throw new BodyTooLargeError(`an answer of more than ${maxBytes} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}
