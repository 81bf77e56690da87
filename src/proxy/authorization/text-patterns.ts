/** Texts and wildcards (`prefix*`, `*suffix`, `*` for anything but nothing), compiled once. */
export class TextPatterns {
  readonly #exact: ReadonlySet<string>
  readonly #prefixes: readonly string[]
  readonly #suffixes: readonly string[]
  readonly #any: boolean

  constructor(patterns: readonly string[]) {
    this.#any = patterns.includes('*')
    const others = patterns.filter(pattern => pattern !== '*')
    this.#prefixes = others.filter(text => text.endsWith('*')).map(text => text.slice(0, -1))
    this.#suffixes = others.filter(text => text.startsWith('*')).map(text => text.slice(1))
    this.#exact = new Set(others.filter(text => !text.startsWith('*') && !text.endsWith('*')))
  }

  matches(text: string): boolean {
    if (this.#exact.has(text)) return true
    if (this.#any && text !== '') return true
    for (const prefix of this.#prefixes) if (text.startsWith(prefix)) return true
    for (const suffix of this.#suffixes) if (text.endsWith(suffix)) return true
    return false
  }
}

/** Undefined stays undefined: nothing was asked for. */
export function compilePatterns(patterns: readonly string[] | undefined): TextPatterns | undefined {
  return patterns && new TextPatterns(patterns)
}
