/** A character of a pattern, or a set of them, and what may come after it. */
export interface Position {
  /** One bit each for Latin-1, which is all that paths and field values hold. */
  readonly characters: bigint
  /** Indices of positions; one that is reached in two ways stands there twice. */
  readonly next: readonly number[]
  /** The outermost repetition that it stands in. */
  readonly loop: number | undefined
}

/** The positions of a pattern in its own order (Glushkov's construction). Whatever repeats leads back to itself. */
export interface Automaton {
  readonly start: readonly number[]
  readonly positions: readonly Position[]
  /** Where a match may end. */
  readonly ends: ReadonlySet<number>
}

type Reading = { readonly automaton: Automaton } | { readonly unsupported: string }

/** Reads what `new RegExp` without flags takes, apart from what no automaton does. */
export function readPattern(source: string): Reading {
  return new PatternReader(source).read()
}

/** Of each character, as a bit, whether one of those that a set such as `[a-z]`, `\d` or `.` stands for. */
export function charactersOf(set: string): bigint {
  const pattern = new RegExp(`^(?:${set})$`)
  let characters = 0n
  for (let code = 0; code < 256; code++)
    if (pattern.test(String.fromCharCode(code))) characters |= 1n << BigInt(code)
  return characters
}

/** A stretch of the pattern: whether it may be empty, and where it begins and ends. */
interface Part {
  readonly nullable: boolean
  readonly first: readonly number[]
  readonly last: readonly number[]
}

const nothing: Part = { nullable: true, first: [], last: [] }

const group = /\((?:\?:|\?<[a-z_]\w*>)?(?!\?)/iy
const assertion = /\^|\$|\\b/iy
const set =
  /\[(?:\\.|[^\]\\])*\]|\\(?:x[\da-f]{2}|u[\da-f]{4}|c[a-z]|0(?!\d)|[^\dxuckp])|[^\\()[|*+?]/iy
const quantifier = /(?:[*+?]|\{\d+(?:,\d*)?\})\??/y
const mayBeNone = /^(?:[*?]|\{0+[,}])/

class PatternReader {
  readonly #source: string
  readonly #positions: { characters: bigint; next: number[]; loop: number | undefined }[] = []
  #at = 0
  #loops = 0
  #unsupported: string | undefined

  constructor(source: string) {
    this.#source = source
  }

  read(): Reading {
    const { first, last } = this.#alternatives()
    if (this.#unsupported !== undefined) return { unsupported: this.#unsupported }
    return { automaton: { start: first, positions: this.#positions, ends: new Set(last) } }
  }

  #alternatives(): Part {
    let part = this.#sequence()
    while (this.#take(/\|/y) !== undefined) {
      const other = this.#sequence()
      if (part.nullable && other.nullable)
        this.#refuse('two alternatives that may both be empty are not supported')
      part = {
        nullable: part.nullable || other.nullable,
        first: [...part.first, ...other.first],
        last: [...part.last, ...other.last],
      }
    }
    return part
  }

  #sequence(): Part {
    let part = nothing
    while (this.#at < this.#source.length && !'|)'.includes(this.#source.charAt(this.#at))) {
      const next = this.#repetition()
      this.#link(part.last, next.first)
      part = {
        nullable: part.nullable && next.nullable,
        first: part.nullable ? [...part.first, ...next.first] : part.first,
        last: next.nullable ? [...part.last, ...next.last] : next.last,
      }
    }
    return part
  }

  #repetition(): Part {
    const begin = this.#positions.length
    const part = this.#atom()
    const times = this.#take(quantifier)
    if (times === undefined) return part
    const optional = mayBeNone.test(times)
    if (!times.startsWith('?')) {
      // Each round that has to be could be the empty one.
      if (part.nullable && !optional)
        this.#refuse('a repetition of what may be empty is not supported')
      this.#link(part.last, part.first)
      const loop = this.#loops++
      for (const position of this.#positions.slice(begin)) position.loop = loop
    }
    return { ...part, nullable: part.nullable || optional }
  }

  #atom(): Part {
    if (this.#take(group) !== undefined) {
      const part = this.#alternatives()
      this.#at++
      return part
    }
    if (this.#take(assertion) !== undefined) return nothing
    const characters = this.#take(set)
    if (characters === undefined) {
      this.#refuse(`${JSON.stringify(this.#source.slice(this.#at, this.#at + 4))} is not supported`)
      return nothing
    }
    const index = this.#positions.length
    this.#positions.push({ characters: charactersOf(characters), next: [], loop: undefined })
    return { nullable: false, first: [index], last: [index] }
  }

  #link(last: readonly number[], first: readonly number[]): void {
    for (const index of last) this.#positions[index]?.next.push(...first)
  }

  #take(token: RegExp): string | undefined {
    token.lastIndex = this.#at
    const [found] = token.exec(this.#source) ?? []
    this.#at += found?.length ?? 0
    return found
  }

  /** The first reason counts; the rest is not read. */
  #refuse(reason: string): void {
    this.#unsupported ??= reason
    this.#at = this.#source.length
  }
}
