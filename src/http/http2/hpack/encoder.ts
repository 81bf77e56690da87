import '../latin1.ts'
import { DynamicTable, fieldBytes } from './dynamic-table.ts'
import { staticCount, staticTable } from './static-table.ts'

/** What the encoder knows of a field name: where it stands in the tables and what was last sent with it. */
class KnownName {
  /** In the static table; 0 when it is not there. */
  readonly staticIndex: number
  readonly sensitive: boolean
  /** Value → static index, or `staticCount + serial` of the dynamic entry. */
  readonly values = new Map<string, number>()
  /** Serial of its newest dynamic entry; 0: none ever. */
  newestSerial = 0
  /** The literal that was sent last. */
  lastValue: string | undefined
  /** The value that was last sent by its index, and that. perf: bench pair-100B. It is mostly the next one too. */
  indexedValue: string | undefined
  indexedPlace = 0

  constructor(staticIndex: number, sensitive: boolean) {
    this.staticIndex = staticIndex
    this.sensitive = sensitive
  }
}

interface SentField {
  readonly name: string
  readonly value: string
  readonly known: KnownName
  readonly serial: number
}

/** Never indexed (RFC 7541 §7.1.3): a shared table must not let one caller probe another's secrets. */
const sensitiveNames = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie'])

/** Bounds the memory of names; past it those without a table entry are forgotten. */
const maxKnownNames = 512

/** What every peer grants before its SETTINGS arrive. */
const defaultTableBytes = 4096

/** Most bytes that {@link HpackEncoder.begin} writes. */
export const beginBytes = 12

/** Most bytes that one field takes. */
export function fieldBound(name: string, value: string): number {
  return name.length + value.length + 12
}

/**
 * HPACK encoder of one connection, writing straight into a buffer that the caller has made large enough.
 * A value enters the table when it comes twice in a row for its name: what repeats costs a byte from then
 * on, what changes with each request never disturbs the table. Strings go out as they are; Huffman coding
 * saves nothing that matters between sidecars.
 */
export class HpackEncoder {
  readonly #ownMaxBytes: number
  readonly #table: DynamicTable<SentField>
  readonly #names = new Map<string, KnownName>()
  #inserted = 0
  /** Smallest size since the last block, to be announced before the current one (RFC 7541 §4.2). */
  #smallestPending: number | undefined
  #target: Buffer = Buffer.alloc(0)
  #at = 0

  /** @param maxTableBytes most memory to spend, whatever the peer allows. */
  constructor(maxTableBytes: number) {
    this.#ownMaxBytes = maxTableBytes
    this.#table = new DynamicTable(Math.min(maxTableBytes, defaultTableBytes), field =>
      this.#forget(field),
    )
    if (maxTableBytes < defaultTableBytes) this.#smallestPending = maxTableBytes
    staticTable.forEach((field, index) => this.#learnStatic(field.name, field.value, index + 1))
  }

  /** Obeys the peer's SETTINGS_HEADER_TABLE_SIZE from the next block on. */
  resize(peerMaxBytes: number): void {
    const bytes = Math.min(peerMaxBytes, this.#ownMaxBytes)
    if (bytes === this.#table.maxBytes) return
    this.#smallestPending = Math.min(this.#smallestPending ?? bytes, bytes)
    this.#table.resize(bytes)
  }

  /** Starts a block at `offset`, which takes up to {@link beginBytes} and {@link fieldBound} for each field. */
  begin(target: Buffer, offset: number): void {
    this.#target = target
    this.#at = offset
    if (this.#smallestPending === undefined) return
    if (this.#smallestPending < this.#table.maxBytes)
      this.#writeInteger(0x20, 0x1f, this.#smallestPending)
    this.#writeInteger(0x20, 0x1f, this.#table.maxBytes)
    this.#smallestPending = undefined
  }

  /** Both strings hold characters below 256 only. */
  field(name: string, value: string): void {
    const known = this.#names.get(name) ?? this.#learn(name)
    if (known === undefined) return this.#writeLiteral(known, name, value)
    if (known.indexedValue !== value) {
      const place = known.values.get(value)
      if (place === undefined) return this.#writeLiteral(known, name, value)
      known.indexedValue = value
      known.indexedPlace = place
    }
    this.#writeInteger(0x80, 0x7f, this.#wireIndex(known.indexedPlace))
  }

  /** @returns the offset behind the block. */
  end(): number {
    return this.#at
  }

  #writeLiteral(known: KnownName | undefined, name: string, value: string): void {
    const nameIndex = known === undefined ? 0 : this.#nameIndex(known)
    if (known?.sensitive === true) this.#writeInteger(0x10, 0x0f, nameIndex)
    else if (known === undefined || !this.#worthKeeping(known, name, value))
      this.#writeInteger(0x00, 0x0f, nameIndex)
    else {
      this.#writeInteger(0x40, 0x3f, nameIndex)
      this.#insert({ name, value, known, serial: ++this.#inserted })
    }
    if (nameIndex === 0) this.#writeText(name)
    this.#writeText(value)
  }

  #worthKeeping(known: KnownName, name: string, value: string): boolean {
    if (known.lastValue !== value) {
      known.lastValue = value
      return false
    }
    return fieldBytes(name, value) * 4 <= this.#table.maxBytes
  }

  #insert(field: SentField): void {
    this.#table.add(field)
    field.known.values.set(field.value, staticCount + field.serial)
    field.known.newestSerial = field.serial
  }

  #forget({ known, value }: SentField): void {
    known.values.delete(value)
    if (known.indexedValue === value) known.indexedValue = undefined
  }

  #wireIndex(place: number): number {
    if (place <= staticCount) return place
    return staticCount + 1 + this.#inserted - (place - staticCount)
  }

  #nameIndex(known: KnownName): number {
    if (known.staticIndex > 0) return known.staticIndex
    const age = this.#inserted - known.newestSerial
    return known.newestSerial > 0 && age < this.#table.count ? staticCount + 1 + age : 0
  }

  #learn(name: string): KnownName | undefined {
    if (this.#names.size >= maxKnownNames) this.#forgetUnusedNames()
    if (this.#names.size >= maxKnownNames) return undefined
    const known = new KnownName(0, sensitiveNames.has(name))
    this.#names.set(name, known)
    return known
  }

  #forgetUnusedNames(): void {
    for (const [name, known] of this.#names)
      if (known.staticIndex === 0 && known.values.size === 0) this.#names.delete(name)
  }

  #learnStatic(name: string, value: string, index: number): void {
    let known = this.#names.get(name)
    if (known === undefined) {
      known = new KnownName(index, sensitiveNames.has(name))
      this.#names.set(name, known)
    }
    if (value !== '') known.values.set(value, index)
  }

  /** RFC 7541 §5.1, behind the pattern `first`. */
  #writeInteger(first: number, mask: number, value: number): void {
    const target = this.#target
    if (value < mask) {
      target[this.#at++] = first | value
      return
    }
    target[this.#at++] = first | mask
    let rest = value - mask
    for (; rest >= 0x80; rest >>>= 7) target[this.#at++] = (rest & 0x7f) | 0x80
    target[this.#at++] = rest
  }

  #writeText(text: string): void {
    this.#writeInteger(0x00, 0x7f, text.length)
    this.#at += this.#target.latin1Write(text, this.#at)
  }
}
