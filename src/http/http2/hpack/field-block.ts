/**
 * Fields of one decoded header block, reused from block to block: only the first `length` entries count.
 */
export class FieldBlock {
  readonly names: string[] = []
  readonly values: string[] = []
  length = 0
  /** A name or value that RFC 9113 §8.2.1 forbids was among them. */
  malformed = false
  /** The block passed a limit; the fields are incomplete. */
  tooLarge = false

  add(name: string, value: string): void {
    this.names[this.length] = name
    this.values[this.length] = value
    this.length++
  }

  clear(): void {
    this.length = 0
    this.malformed = false
    this.tooLarge = false
  }
}
