/** One line that an instance wrote. */
export interface LogLine {
  /** Counted from 1. */
  readonly sequence: number
  /** Wall clock, ms. */
  readonly time: number
  readonly instance: number
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
}

const maxLines = 1000

/** The last lines that a function's instances wrote, for those who look later, and for those who follow. */
export class FunctionLog {
  readonly #lines: LogLine[] = []
  #count = 0
  readonly #followers = new Set<(line: LogLine) => void>()

  get lines(): readonly LogLine[] {
    return this.#lines
  }

  /** Those behind a line, as far as they are kept. */
  after(sequence: number): readonly LogLine[] {
    return this.#lines.filter(line => line.sequence > sequence)
  }

  add(written: Omit<LogLine, 'sequence'>): void {
    const line = { sequence: ++this.#count, ...written }
    this.#lines.push(line)
    if (this.#lines.length > maxLines) this.#lines.shift()
    for (const follower of this.#followers) follower(line)
  }

  /** @returns what ends it. */
  follow(follower: (line: LogLine) => void): () => void {
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }
}

/** What `X-Amz-Log-Result` shows at most, in bytes. */
const tailBytes = 4096

/** The end of what an instance has written since it was cleared. */
export class LogTail {
  #text = ''

  add(line: string): void {
    // A character is a byte at least, so that no byte of the last 4096 is lost.
    this.#text = `${this.#text}${line}\n`.slice(-tailBytes)
  }

  clear(): void {
    this.#text = ''
  }

  get bytes(): Buffer {
    return Buffer.from(this.#text).subarray(-tailBytes)
  }
}
