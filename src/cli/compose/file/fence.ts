// What injection changed in a text stands in fences, with the lines that were there before, so that it can be taken out
// again without a trace. Fences are YAML comments:
//
//     # weft:begin 1f0c2a9b        the hash of all that follows, up to the end
//     # weft:was     ports: [80]   a line of before
//     network_mode: service:web    a line that took its place
//     # weft:end
import { createHash } from 'node:crypto'

/** Some lines of a text that others take the place of. */
export interface Edit {
  /** The first line, from 0. */
  readonly first: number
  /** Behind the last one; `first` where lines are only added. */
  readonly end: number
  /** Without line ends. */
  readonly lines: readonly string[]
  /** Of the comments: no more than the place has, or they would be part of a text block before it. */
  readonly indent: number
}

/** What is wrong with a fence. */
interface FenceProblem {
  /** From 1. */
  readonly line: number
  readonly message: string
}

const mark = '# weft:'
const marker = /^\s*# weft:(begin|was|end|unended)(?:\s(.*))?$/s
/** The text did not end with a line end. */
const unended = `${mark}unended`

/** Lines with their ends. */
export function splitLines(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

/** Edits must not overlap; those that touch share a fence. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const lineEnd = /\r?\n/.exec(text)?.[0] ?? '\n'
  const isEnded = text === '' || text.endsWith('\n')
  const lines = splitLines(isEnded ? text : text + lineEnd)
  const pieces: string[] = []
  let next = 0
  for (const edit of joinTouching(edits)) {
    pieces.push(...lines.slice(next, edit.first))
    pieces.push(fence(edit, lines.slice(edit.first, edit.end), lineEnd))
    next = edit.end
  }
  pieces.push(...lines.slice(next))
  if (!isEnded) pieces.push(unended + lineEnd)
  return pieces.join('')
}

function joinTouching(edits: readonly Edit[]): readonly Edit[] {
  const joined: Edit[] = []
  for (const edit of edits.toSorted((a, b) => a.first - b.first || a.end - b.end)) {
    const last = joined.at(-1)
    if (last === undefined || last.end < edit.first) joined.push(edit)
    else {
      if (last.end > edit.first) throw new Error(`edits overlap at line ${edit.first + 1}`)
      const lines = [...last.lines, ...edit.lines]
      const indent = Math.min(last.indent, edit.indent)
      joined[joined.length - 1] = { first: last.first, end: edit.end, lines, indent }
    }
  }
  return joined
}

function fence({ indent, lines }: Edit, before: readonly string[], lineEnd: string): string {
  const margin = ' '.repeat(indent)
  const was = before.map(line => `${margin}${mark}was${/^\r?\n$/.test(line) ? '' : ' '}${line}`)
  const body = [...was, ...lines.map(line => line + lineEnd)]
  return [
    `${margin}${mark}begin ${hashOf(body)}${lineEnd}`,
    ...body,
    `${margin}${mark}end${lineEnd}`,
  ].join('')
}

/** Line ends do not count: version control may turn them. */
function hashOf(lines: readonly string[]): string {
  const text = lines.map(line => line.replace(/\r?\n$/, '')).join('\n')
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

export interface Unfenced {
  /** As it was before, with all that was changed outside of fences since. */
  readonly text: string
  /** How many fences there were. */
  readonly count: number
  /** With any, nothing is certain. */
  readonly problems: readonly FenceProblem[]
}

/** Takes all that {@link applyEdits} has done out again. */
export function removeFences(text: string): Unfenced {
  const reader = new FenceReader()
  for (const line of splitLines(text)) reader.read(line)
  return reader.finish()
}

interface OpenFence {
  readonly line: number
  readonly hash: string
  readonly body: string[]
  readonly before: string[]
}

const advice =
  'undo the change, or make the block your own: delete its lines that begin with "# weft:"'

class FenceReader {
  readonly #pieces: string[] = []
  readonly #problems: FenceProblem[] = []
  #open: OpenFence | undefined
  #line = 0
  #count = 0
  /** The last line said that the text had no line end. */
  #isUnended = false

  read(line: string): void {
    this.#line++
    const [, kind, rest = ''] = marker.exec(line.replace(/\r?\n$/, '')) ?? []
    this.#isUnended = kind === 'unended'
    if (kind === 'begin') this.#begin(rest.trim())
    else if (kind === 'end') this.#end()
    else if (kind === 'unended') return
    else if (this.#open !== undefined) this.#inside(this.#open, line, kind)
    else if (kind === 'was') this.#report('stands outside of a block')
    else this.#pieces.push(line)
  }

  finish(): Unfenced {
    if (this.#open !== undefined)
      this.#report('has no "# weft:end": put it back where it was', this.#open.line)
    const text = this.#pieces.join('')
    return {
      text: this.#isUnended ? text.replace(/\r?\n$/, '') : text,
      count: this.#count,
      problems: this.#problems,
    }
  }

  #begin(hash: string): void {
    if (this.#open !== undefined)
      this.#report('has no "# weft:end": put it back where it was', this.#open.line)
    this.#open = { line: this.#line, hash, body: [], before: [] }
  }

  #inside({ body, before }: OpenFence, line: string, kind: string | undefined): void {
    body.push(line)
    if (kind === 'was') before.push(line.replace(/^\s*# weft:was ?/, ''))
  }

  #end(): void {
    const open = this.#open
    if (open === undefined) return this.#report('has no "# weft:begin"')
    this.#open = undefined
    this.#count++
    if (hashOf(open.body) !== open.hash)
      return this.#report(`was changed by hand since it was injected: ${advice}`, open.line)
    this.#pieces.push(...open.before)
  }

  #report(message: string, line = this.#line): void {
    this.#problems.push({ line, message })
  }
}
