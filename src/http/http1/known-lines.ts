import type { FieldName } from './field-names.ts'

/** A field as it stands in a head. */
export interface FieldLine {
  /** With its CRLF. */
  readonly text: string
  readonly rawName: string
  readonly entry: FieldName
  readonly value: string
}

/** Later lines, and those of longer heads, are not remembered: a line keeps the head alive that it was cut from. */
const maxLines = 24
const maxHeadLength = 2048

/**
 * The lines of the latest heads of one connection, by their place in the head.
 * perf: bench pair-100B. Most lines are the same each time: comparing one costs a quarter of checking and cutting it,
 * and its strings are those that HPACK has looked up before.
 */
export class KnownLines {
  readonly #lines: FieldLine[] = []

  /** The field of the line `text` if that stood at the same place the last time. */
  find(index: number, text: string): FieldLine | undefined {
    const line = this.#lines[index]
    return line?.text === text ? line : undefined
  }

  /** @param headLength of the head that the line is of. */
  remember(index: number, line: FieldLine, headLength: number): void {
    if (index < maxLines && index <= this.#lines.length && headLength <= maxHeadLength)
      this.#lines[index] = line
  }
}
