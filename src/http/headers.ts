/**
 * Header fields in the order of the wire, duplicates kept.
 * `names` are lower-case; `rawNames` holds the sender's spelling and exists only when it differs,
 * so HTTP/2 peers pay nothing for it. Framing and hop-by-hop fields never enter the list:
 * each codec reads them off and writes its own.
 */
export class HeaderList {
  readonly names: string[] = []
  readonly values: string[] = []
  rawNames: string[] | undefined

  static of(fields: Readonly<Record<string, string>>): HeaderList {
    const list = new HeaderList()
    for (const name of Object.keys(fields)) list.append(name, fields[name] ?? '')
    return list
  }

  get length(): number {
    return this.names.length
  }

  /** Adds a field after all others. `rawName` may be in any case. */
  append(rawName: string, value: string): void {
    const name = rawName.toLowerCase()
    this.appendParsed(name, rawName, value)
  }

  /** As {@link append} for a caller that has the lower-case name already. */
  appendParsed(name: string, rawName: string, value: string): void {
    if (this.rawNames !== undefined) this.rawNames.push(rawName)
    else if (name !== rawName) {
      this.rawNames = this.names.slice()
      this.rawNames.push(rawName)
    }
    this.names.push(name)
    this.values.push(value)
  }

  /** The first value of `name` (lower-case). */
  get(name: string): string | undefined {
    const index = this.names.indexOf(name)
    return index < 0 ? undefined : this.values[index]
  }

  has(name: string): boolean {
    return this.names.includes(name)
  }

  getAll(name: string): string[] {
    return this.values.filter((_, index) => this.names[index] === name)
  }

  /** Replaces the first field of that name in its place, drops further ones, appends when absent. */
  set(name: string, value: string): void {
    const index = this.names.indexOf(name)
    if (index < 0) return this.appendParsed(name, name, value)
    this.values[index] = value
    for (let i = this.names.length - 1; i > index; i--)
      if (this.names[i] === name) this.#removeAt(i)
  }

  delete(name: string): void {
    for (let i = this.names.length - 1; i >= 0; i--) if (this.names[i] === name) this.#removeAt(i)
  }

  clone(): HeaderList {
    const copy = new HeaderList()
    for (let i = 0; i < this.names.length; i++) {
      const name = this.names[i] ?? ''
      copy.appendParsed(name, this.rawNames?.[i] ?? name, this.values[i] ?? '')
    }
    return copy
  }

  #removeAt(index: number): void {
    this.names.splice(index, 1)
    this.values.splice(index, 1)
    this.rawNames?.splice(index, 1)
  }
}
