// Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats), as far as it is read from the
// application: checked, since one bad line makes a scraper throw all of an answer away, and put in order by families.
import { setImmediate as nextTurn } from 'node:timers/promises'

const types = ['counter', 'gauge', 'histogram', 'summary', 'untyped'] as const
type FamilyType = (typeof types)[number]

/** All lines of one metric. */
export interface ExposedFamily {
  readonly name: string
  /** As they came, without the ends of lines. */
  help: string | undefined
  type: FamilyType | undefined
  readonly samples: string[]
}

export interface Exposed {
  readonly families: ReadonlyMap<string, ExposedFamily>
}

export interface ReadingLimits {
  readonly maxLines: number
  /** As many are read at a stretch before others have their turn. */
  readonly linesPerTurn: number
}

const defaultReadingLimits: ReadingLimits = { maxLines: 100_000, linesPerTurn: 1000 }

/** @throws SyntaxError that names the line when it is not the text format, or longer than the limit. */
export async function readExposition(
  text: string,
  { maxLines, linesPerTurn }: ReadingLimits = defaultReadingLimits,
): Promise<Exposed> {
  const reading = new Reading()
  let line = 0
  for (let at = 0; at < text.length;) {
    const found = text.indexOf('\n', at)
    const end = found < 0 ? text.length : found
    if (++line > maxLines) throw new SyntaxError(`more than ${maxLines} lines`)
    if (!reading.take(text.slice(at, end)))
      throw new SyntaxError(`line ${line} is not Prometheus' text format`)
    if (line % linesPerTurn === 0) await nextTurn()
    at = end + 1
  }
  return reading
}

/** Names of the series that a family may have. */
export function seriesNames({ name, type }: Pick<ExposedFamily, 'name' | 'type'>): string[] {
  if (type === 'histogram') return [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]
  if (type === 'summary') return [name, `${name}_sum`, `${name}_count`]
  return [name]
}

export function writeFamily({ help, type, name, samples }: ExposedFamily): string {
  const head = [
    ...(help === undefined ? [] : [help]),
    ...(type === undefined ? [] : [`# TYPE ${name} ${type}`]),
  ]
  return `${[...head, ...samples].join('\n')}\n`
}

const comment = /^[ \t]*#[ \t]*(?:(HELP|TYPE)[ \t]+)?/
const helpLine = /^([a-zA-Z_:][\w:]*)(?:[ \t].*)?$/
const typeLine = /^([a-zA-Z_:][\w:]*)[ \t]+([a-z]+)[ \t]*$/

class Reading implements Exposed {
  readonly families = new Map<string, ExposedFamily>()

  /** @returns false when the line is none of the format. */
  take(line: string): boolean {
    const [opening, keyword] = comment.exec(line) ?? []
    if (opening === undefined) return line.trim() === '' || this.#takeSample(line)
    const rest = line.slice(opening.length)
    if (keyword === 'HELP') return this.#takeHelp(rest)
    // Any other comment means nothing.
    return keyword !== 'TYPE' || this.#takeType(rest)
  }

  #takeHelp(text: string): boolean {
    const [, name] = helpLine.exec(text) ?? []
    if (name === undefined || this.#owner(name) !== name) return false
    const family = this.#family(name)
    family.help ??= `# HELP ${text}`
    return true
  }

  /** A second one of the same family must agree; after samples it comes too late. */
  #takeType(text: string): boolean {
    const [, name, type] = typeLine.exec(text) ?? []
    const known = types.find(candidate => candidate === type)
    if (name === undefined || known === undefined || this.#owner(name) !== name) return false
    const family = this.#family(name)
    if (family.type !== undefined) return family.type === known
    const [, ...others] = seriesNames({ name, type: known })
    if (family.samples.length > 0 || others.some(other => this.families.has(other))) return false
    family.type = known
    return true
  }

  #takeSample(line: string): boolean {
    const name = sampleName(line)
    if (name === undefined) return false
    this.#family(this.#owner(name)).samples.push(line)
    return true
  }

  /** `x_bucket`, `x_sum` and `x_count` belong to a histogram x. */
  #owner(name: string): string {
    const [, base] = /^(.+)_(?:bucket|sum|count)$/.exec(name) ?? []
    const family = base === undefined ? undefined : this.families.get(base)
    return family !== undefined && seriesNames(family).includes(name) ? family.name : name
  }

  #family(name: string): ExposedFamily {
    const known = this.families.get(name)
    if (known !== undefined) return known
    const family: ExposedFamily = { name, help: undefined, type: undefined, samples: [] }
    this.families.set(name, family)
    return family
  }
}

const metricName = /[ \t]*([a-zA-Z_:][\w:]*)[ \t]*/y
/** A label, with the comma behind it if there is one. */
const label = /[ \t]*([a-zA-Z_]\w*)[ \t]*=[ \t]*"(?:[^"\\]|\\[\\"n])*"[ \t]*(,?)/y
const closing = /[ \t]*\}/y
/** Value, and perhaps a timestamp in ms. */
const numbers =
  /[ \t]*[+-]?(?:inf|infinity|nan|\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)(?:[ \t]+-?\d+)?[ \t]*$/iy

/** The name of the metric; undefined when the line is no sample. */
function sampleName(line: string): string | undefined {
  metricName.lastIndex = 0
  const [opening = '', name] = metricName.exec(line) ?? []
  const at = opening.length
  const end = line[at] === '{' ? labelsEnd(line, at + 1) : at
  if (name === undefined || end === undefined) return undefined
  // Between name and value stands a space, or the labels.
  if (end === at && !/[ \t]$/.test(opening)) return undefined
  numbers.lastIndex = end
  return numbers.test(line) ? name : undefined
}

/** Where the labels that begin at `from` end; undefined when they do not, or one comes twice. */
function labelsEnd(line: string, from: number): number | undefined {
  const names = new Set<string>()
  let at = from
  for (let comma = true; comma;) {
    label.lastIndex = at
    const [text, name, separator] = label.exec(line) ?? []
    if (text === undefined || name === undefined) break
    if (names.has(name) || name === '__name__') return undefined
    names.add(name)
    at += text.length
    comma = separator === ','
  }
  closing.lastIndex = at
  return closing.test(line) ? closing.lastIndex : undefined
}
