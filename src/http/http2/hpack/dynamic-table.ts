/** What RFC 7541 §4.1 adds to the octets of each entry. */
const entryOverheadBytes = 32

/** The size that HPACK and SETTINGS_MAX_HEADER_LIST_SIZE count for a field. */
export function fieldBytes(name: string, value: string): number {
  return name.length + value.length + entryOverheadBytes
}

interface Sized {
  readonly name: string
  readonly value: string
}

/** First-in first-out table bounded in bytes (RFC 7541 §2.3.2), a ring so that nothing is ever moved. */
export class DynamicTable<Entry extends Sized> {
  readonly #onEvict: ((entry: Entry) => void) | undefined
  #ring: (Entry | undefined)[] = Array.from({ length: 32 })
  #oldest = 0
  #count = 0
  #bytes = 0
  #maxBytes: number

  constructor(maxBytes: number, onEvict?: (entry: Entry) => void) {
    this.#maxBytes = maxBytes
    this.#onEvict = onEvict
  }

  get count(): number {
    return this.#count
  }

  get maxBytes(): number {
    return this.#maxBytes
  }

  /** The entry added `age` additions ago, 0 being the newest. */
  at(age: number): Entry | undefined {
    if (age < 0 || age >= this.#count) return undefined
    return this.#ring[(this.#oldest + this.#count - 1 - age) & (this.#ring.length - 1)]
  }

  /** @returns false when the entry exceeds the whole table, which empties it (RFC 7541 §4.4). */
  add(entry: Entry): boolean {
    const bytes = fieldBytes(entry.name, entry.value)
    this.#evictTo(this.#maxBytes - bytes)
    if (bytes > this.#maxBytes) return false
    if (this.#count === this.#ring.length) this.#grow()
    this.#ring[(this.#oldest + this.#count) & (this.#ring.length - 1)] = entry
    this.#count++
    this.#bytes += bytes
    return true
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes
    this.#evictTo(maxBytes)
  }

  #evictTo(bytes: number): void {
    while (this.#bytes > bytes && this.#count > 0) {
      const entry = this.#ring[this.#oldest]
      this.#ring[this.#oldest] = undefined
      this.#oldest = (this.#oldest + 1) & (this.#ring.length - 1)
      this.#count--
      if (entry === undefined) continue
      this.#bytes -= fieldBytes(entry.name, entry.value)
      this.#onEvict?.(entry)
    }
  }

  #grow(): void {
    const grown: (Entry | undefined)[] = Array.from({ length: this.#ring.length * 2 })
    for (let age = 0; age < this.#count; age++) grown[this.#count - 1 - age] = this.at(age)
    this.#ring = grown
    this.#oldest = 0
  }
}
