/**
 * Fields of one decoded header block, reused from block to block: only the first `length` entries count.
 */
export class FieldBlock {
  readonly names: string[] = []
  readonly values: string[] = []
  length = 0
  /** Why the head that it is can't be taken, if that is known already. */
  fault: string | undefined
  /** The block passed a limit; the fields are incomplete. */
  tooLarge = false

  add(name: string, value: string): void {
    this.names[this.length] = name
    this.values[this.length] = value
    this.length++
  }

  clear(): void {
    this.length = 0
    this.fault = undefined
    this.tooLarge = false
  }
}
