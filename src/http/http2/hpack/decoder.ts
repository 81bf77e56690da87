import { ConnectionFault, errorCode } from '../protocol.ts'
import { DynamicTable, fieldBytes } from './dynamic-table.ts'
import type { FieldBlock } from './field-block.ts'
import { isFieldName, isFieldValue } from './field-syntax.ts'
import { decodeHuffman } from './huffman.ts'
import { staticCount, staticTable } from './static-table.ts'
import type { TableField } from './static-table.ts'

interface DecoderLimits {
  /** SETTINGS_HEADER_TABLE_SIZE as announced to the peer. */
  readonly maxTableBytes: number
  /** Decoded size of a list, counted as SETTINGS_MAX_HEADER_LIST_SIZE counts. */
  readonly maxListBytes: number
  readonly maxFields: number
}

/** RFC 9113 §8.2.1. */
const forbiddenCharacter = 'forbidden character in a field'

/** Larger lengths and indexes than this are refused before they can overflow (RFC 7541 §5.1). */
const maxInteger = 2 ** 24

/**
 * HPACK decoder of one connection (RFC 7541). Field syntax is checked where strings are made, so a field that
 * comes from the table was checked once.
 */
export class HpackDecoder {
  readonly #limits: DecoderLimits
  readonly #table: DynamicTable<TableField>
  #source: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  #stringValid = true

  constructor(limits: DecoderLimits) {
    this.#limits = limits
    this.#table = new DynamicTable(limits.maxTableBytes)
  }

  /**
   * Decodes a whole header block into `block`. Past a limit it goes on without keeping fields, because the
   * table must follow the peer's.
   * @throws {ConnectionFault} when the table can no longer be trusted.
   */
  decode(source: Buffer, start: number, end: number, block: FieldBlock): void {
    this.#source = source
    this.#at = start
    this.#end = end
    block.clear()
    let listBytes = 0
    this.#readSizeUpdates()
    while (this.#at < end) {
      const field = this.#readField()
      listBytes += fieldBytes(field.name, field.value)
      if (listBytes > this.#limits.maxListBytes || block.length >= this.#limits.maxFields) {
        block.tooLarge = true
        continue
      }
      if (!field.valid) block.fault = forbiddenCharacter
      block.add(field.name, field.value)
    }
  }

  /** RFC 7541 §4.2: size updates stand at the beginning of a block only. */
  #readSizeUpdates(): void {
    while (this.#at < this.#end) {
      const first = this.#source[this.#at] ?? 0
      if ((first & 0xe0) !== 0x20) return
      const bytes = this.#readInteger(0x1f)
      if (bytes > this.#limits.maxTableBytes)
        throw broken(`table size update to ${bytes} exceeds the announced size`)
      this.#table.resize(bytes)
    }
  }

  #readField(): TableField {
    const first = this.#source[this.#at] ?? 0
    if (first >= 0x80) return this.#fieldAt(this.#readInteger(0x7f))
    if (first >= 0x40) {
      const field = this.#readLiteral(0x3f)
      this.#table.add(field)
      return field
    }
    if (first >= 0x20) throw broken('table size update inside a block')
    return this.#readLiteral(0x0f)
  }

  #readLiteral(mask: number): TableField {
    const index = this.#readInteger(mask)
    let name: string
    let valid: boolean
    if (index === 0) {
      name = this.#readString(isFieldName)
      valid = this.#stringValid
    } else {
      const known = this.#fieldAt(index)
      name = known.name
      // The known field may be invalid for its value alone; then its name is checked again.
      valid = known.valid || isValidName(name)
    }
    const value = this.#readString(isFieldValue)
    return { name, value, valid: valid && this.#stringValid }
  }

  #fieldAt(index: number): TableField {
    const field =
      index <= staticCount ? staticTable[index - 1] : this.#table.at(index - staticCount - 1)
    if (field === undefined) throw broken(`no field has index ${index}`)
    return field
  }

  /** RFC 7541 §5.1. */
  #readInteger(mask: number): number {
    let value = (this.#source[this.#at++] ?? 0) & mask
    if (value < mask) return value
    for (let scale = 1; ; scale *= 128) {
      if (this.#at >= this.#end) throw broken('truncated integer')
      const byte = this.#source[this.#at++] ?? 0
      value += (byte & 0x7f) * scale
      if (value > maxInteger || scale > maxInteger) throw broken('integer too large')
      if (byte < 0x80) return value
    }
  }

  /** RFC 7541 §5.2. Leaves its verdict on the syntax in `#stringValid`. */
  #readString(isValid: (bytes: Buffer, start: number, end: number) => boolean): string {
    if (this.#at >= this.#end) throw broken('truncated string')
    const huffman = (this.#source[this.#at] ?? 0) >= 0x80
    const length = this.#readInteger(0x7f)
    const start = this.#at
    const end = start + length
    if (end > this.#end) throw broken('truncated string')
    this.#at = end
    if (!huffman) {
      this.#stringValid = isValid(this.#source, start, end)
      return this.#source.latin1Slice(start, end)
    }
    const text = decodeHuffman(this.#source, start, end)
    if (text === undefined) throw broken('invalid Huffman code')
    const bytes = Buffer.from(text, 'latin1')
    this.#stringValid = isValid(bytes, 0, bytes.length)
    return text
  }
}

function isValidName(name: string): boolean {
  return isFieldName(Buffer.from(name, 'latin1'), 0, name.length)
}

function broken(message: string): ConnectionFault {
  return new ConnectionFault(errorCode.compressionError, message)
}
