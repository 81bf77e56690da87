import { LineCounter, parseAllDocuments, type Document } from 'yaml'
import type { ConfigurationProblem } from './problem.ts'
import { formatPath } from './problem.ts'

/** Beyond this a file is no configuration but a mistake or an attack (faults E8). */
const maxFileBytes = 8 * 1024 * 1024
const maxAliases = 100

export interface Position {
  readonly line: number
  readonly column: number
}

/** One YAML document as plain data, which can still tell where each of its values stood. */
export interface SourceDocument {
  readonly file: string
  readonly value: unknown
  /** Of the value at `path`, or of the nearest one around it. */
  locate(path: readonly PropertyKey[]): Position
  problem(path: readonly PropertyKey[], message: string): ConfigurationProblem
}

export interface ParsedFile {
  readonly documents: readonly SourceDocument[]
  readonly problems: readonly ConfigurationProblem[]
}

/** Parses all documents of a file. Never throws: what can't be read is a problem. */
export function parseDocuments(file: string, text: string): ParsedFile {
  if (text.length > maxFileBytes)
    return { documents: [], problems: [at(file, `the file is larger than ${maxFileBytes} bytes`)] }
  try {
    return parse(file, text)
  } catch (error) {
    // yaml throws a RangeError on nesting without end, and for aliases beyond the bound.
    return { documents: [], problems: [at(file, (error as Error).message)] }
  }
}

function parse(file: string, text: string): ParsedFile {
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })
  const problems: ConfigurationProblem[] = []
  const documents: SourceDocument[] = []
  for (const document of Array.isArray(parsed) ? parsed : []) {
    for (const error of document.errors) {
      const { line, col } = lines.linePos(error.pos[0])
      problems.push({ file, line, column: col, path: '', message: error.message })
    }
    if (document.errors.length > 0) continue
    const value: unknown = document.toJS({ maxAliasCount: maxAliases })
    if (value === null || value === undefined) continue
    documents.push(sourceDocument(file, document, { value, lines }))
  }
  return { documents, problems }
}

function sourceDocument(
  file: string,
  document: Document,
  { value, lines }: { value: unknown; lines: LineCounter },
): SourceDocument {
  const locate = (path: readonly PropertyKey[]): Position => {
    const { line, col } = lines.linePos(offsetOf(document, path))
    return { line, column: col }
  }
  return {
    file,
    value,
    locate,
    problem: (path, message) => ({ file, ...locate(path), path: formatPath(path), message }),
  }
}

interface Ranged {
  readonly range?: readonly [number, number, number] | null
}

/** Where the key of the last step stands, else the value, else what is around it. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown = document.getIn(path.slice(0, length - 1), true)
    const key = path[length - 1]
    const offset =
      keyOffset(parent, key) ?? (document.getIn(path.slice(0, length), true) as Ranged)?.range?.[0]
    if (offset !== undefined) return offset
  }
  return (document.contents as Ranged | null)?.range?.[0] ?? 0
}

interface Pairs {
  readonly items?: readonly { readonly key?: Ranged & { readonly value?: unknown } }[]
}

function keyOffset(parent: unknown, key: PropertyKey | undefined): number | undefined {
  if (typeof key === 'number') return undefined
  const pair = (parent as Pairs | undefined)?.items?.find(item => item.key?.value === key)
  return pair?.key?.range?.[0]
}

function at(file: string, message: string): ConfigurationProblem {
  return { file, line: 1, column: 1, path: '', message }
}
