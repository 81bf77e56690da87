/** Where the text that a command changes comes from and goes to, and where people are told what became of it. */
export interface TextStreams {
  readonly input: AsyncIterable<Buffer>
  readonly output: (text: string) => Promise<void>
  readonly report: (line: string) => void
}

export const processStreams: TextStreams = {
  get input() {
    return process.stdin as AsyncIterable<Buffer>
  },
  // The process ends next: what a pipe has not taken yet would be lost.
  output: text =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, error => (error ? reject(error) : resolve()))
    }),
  report: line => console.error(line),
}

/** What comes in, or so much of it that it is clear that it is more than `maxBytes`. */
export async function gather(input: TextStreams['input'], maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of input) {
    bytes += chunk.length
    chunks.push(chunk)
    if (bytes > maxBytes) break
  }
  return Buffer.concat(chunks)
}
