import { kinds } from './validate.ts'

/** Kinds whose names others refer to. */
const referable: ReadonlySet<string> = new Set(['Service', 'ServiceEntry', 'Function'])

/** Those that policies alone refer to. */
const routes: ReadonlySet<string> = new Set(['HTTPRoute', 'GRPCRoute'])

/**
 * Names that documents with problems may define. Nobody can say that a Service of such a name does not exist, and a
 * reference to it is no second problem.
 */
export class Suspects {
  readonly #names = new Set<string>()
  readonly #routes = new Set<string>()
  #anything = false

  /** A file or a document of which nothing is known. */
  addUnknown(): void {
    this.#anything = true
  }

  /** A document that is no YAML: whatever it calls a name. */
  addText(text: string): void {
    for (const [, name] of text.matchAll(/\bname["']?[ \t]*:[ \t]*["']?([a-z0-9-]+)/g))
      if (name !== undefined) this.#names.add(name)
  }

  /** A document that is YAML and no valid resource. */
  addValue(value: unknown): void {
    const { kind, metadata } = fieldsOf(value)
    const { name } = fieldsOf(metadata)
    if (typeof kind === 'string' && typeof name === 'string' && routes.has(kind))
      this.#routes.add(name)
    const isOther = typeof kind === 'string' && !referable.has(kind) && Object.hasOwn(kinds, kind)
    if (isOther) return
    if (typeof name === 'string') this.#names.add(name)
    else this.addUnknown()
  }

  mayDefine(service: string): boolean {
    return this.#anything || this.#names.has(service)
  }

  mayDefineRoute(name: string): boolean {
    return this.mayDefine(name) || this.#routes.has(name)
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
