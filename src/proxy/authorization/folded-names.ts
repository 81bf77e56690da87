import type { HeaderList } from '../../http/headers.ts'

/** A name as CGI and what comes after it (RFC 3875 §4.1.18) make it: `x_user` and `x-user` are one. */
function foldName(name: string): string {
  return name.includes('_') ? name.replaceAll('_', '-') : name
}

/**
 * Names of headers on whose word somebody relies. Another spelling of one, which some applications would take for it,
 * goes past whoever looked at the name itself, and is dropped.
 */
export class FoldedNames {
  readonly #names: ReadonlySet<string>
  readonly #folded: ReadonlySet<string>
  /** Names without one are no other spelling then. */
  readonly #needsUnderscore: boolean

  /** @param names lower-case. */
  constructor(names: readonly string[]) {
    this.#names = new Set(names)
    this.#folded = new Set(names.map(foldName))
    this.#needsUnderscore = !names.some(name => name.includes('_'))
  }

  dropOthers(headers: HeaderList): void {
    const { names } = headers
    for (let i = names.length - 1; i >= 0; i--) {
      const name = names[i]
      if (name === undefined || (this.#needsUnderscore && !name.includes('_'))) continue
      if (!this.#names.has(name) && this.#folded.has(foldName(name))) headers.delete(name)
    }
  }
}
