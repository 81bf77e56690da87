import { fieldName, fieldRole } from '../../http/http1/field-names.ts'
import type { HeaderList } from '../../http/headers.ts'
import type { PluginHeaders } from './plugin.ts'

const maxFields = 200
const maxValueLength = 8192
const illegalInValue = /[^\t\x20-\x7e]/
const ownPrefix = 'x-weft-'
const ownNames: ReadonlySet<string> = new Set(['x-forwarded-client-cert', 'trailer'])

/** A plugin's way to the fields of one head, for as long as its hook runs. */
export class GuardedHeaders implements PluginHeaders {
  readonly #list: HeaderList
  #closed = false

  constructor(list: HeaderList) {
    this.#list = list
  }

  /** The hook has ended: what it holds on to changes nothing any more. */
  close(): void {
    this.#closed = true
  }

  get(name: string): string | undefined {
    return this.#list.get(name.toLowerCase())
  }

  getAll(name: string): string[] {
    return this.#list.getAll(name.toLowerCase())
  }

  has(name: string): boolean {
    return this.#list.has(name.toLowerCase())
  }

  set(name: string, value: string): void {
    const checked = this.#check(name, value)
    if (!this.#list.has(checked)) this.#checkRoom()
    this.#list.set(checked, value)
  }

  append(name: string, value: string): void {
    const checked = this.#check(name, value)
    this.#checkRoom()
    this.#list.append(checked, value)
  }

  delete(name: string): void {
    this.#list.delete(this.#check(name, ''))
  }

  entries(): [name: string, value: string][] {
    return this.#list.names.map((name, index) => [name, this.#list.values[index] ?? ''])
  }

  #check(name: string, value: string): string {
    if (this.#closed) throw new TypeError('the hook of the plugin has ended: headers are gone')
    const field = fieldName(name)
    if (field === undefined) throw new TypeError(`${JSON.stringify(name)} is no name of a header`)
    // Some applications take one for the other (RFC 3875 §4.1.18).
    const folded = field.name.replaceAll('_', '-')
    const isOwn = folded.startsWith(ownPrefix) || ownNames.has(folded)
    if (isOwn || field.role !== fieldRole.plain)
      throw new TypeError(`the header ${field.name} is the sidecar's own`)
    if (typeof value !== 'string' || illegalInValue.test(value))
      throw new TypeError(`the value of ${field.name} holds what no header may hold`)
    if (value.length > maxValueLength)
      throw new TypeError(`the value of ${field.name} is over ${maxValueLength} characters`)
    return field.name
  }

  #checkRoom(): void {
    if (this.#list.length >= maxFields)
      throw new TypeError(`there are ${maxFields} headers already`)
  }
}
