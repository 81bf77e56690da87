import type { HeaderList } from '../../headers.ts'

/** The sender's spelling of the field names that follow, joined with commas. */
export const headerCaseField = 'weft-header-case'

/** On a 2xx answer to an extended CONNECT: the application answered without switching protocols. */
export const upgradeField = 'weft-upgrade'
export const upgradeDeclined = 'declined'

/** Together they bound what a peer can make one connection remember. */
const maxRemembered = 128
const maxRememberedLength = 2048

interface Spelling {
  readonly rawNames: readonly string[]
  readonly names: readonly string[]
}

/**
 * Carries the case of field names between two Weft peers that both announced it. A client repeats its
 * spelling, so both directions remember: HPACK makes the field one byte, this makes it no work.
 */
export class HeaderCase {
  readonly #sent: { rawNames: readonly string[]; value: string }[] = []
  readonly #received = new Map<string, Spelling>()

  /** The field's value for a list that has `rawNames`. */
  encode(rawNames: readonly string[]): string {
    const last = this.#sent[rawNames.length]
    if (last !== undefined && sameTexts(last.rawNames, rawNames)) return last.value
    const value = rawNames.join(',')
    if (rawNames.length < maxRemembered && value.length <= maxRememberedLength)
      this.#sent[rawNames.length] = { rawNames: rawNames.slice(), value }
    return value
  }

  /** Gives `headers` the spelling, unless it is not one of exactly these names. */
  apply(value: string, headers: HeaderList): void {
    const spelling = this.#received.get(value) ?? this.#learn(value)
    if (sameTexts(spelling.names, headers.names)) headers.rawNames = spelling.rawNames.slice()
  }

  #learn(value: string): Spelling {
    const rawNames = value.split(',')
    const spelling = { rawNames, names: rawNames.map(name => name.toLowerCase()) }
    if (value.length > maxRememberedLength) return spelling
    if (this.#received.size >= maxRemembered) this.#received.clear()
    this.#received.set(value, spelling)
    return spelling
  }
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false
  return true
}
