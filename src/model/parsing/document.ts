import {
  isAlias,
  isNode,
  LineCounter,
  parseAllDocuments,
  visit,
  type Document,
  type ParsedNode,
  type YAMLError,
} from 'yaml'
import { formatPath, type ConfigurationProblem } from '../problem.ts'

/** Beyond this a file is no configuration but a mistake or an attack. */
export const maxFileBytes = 8 * 1024 * 1024
/** How often one anchor may be repeated, counting the repetitions in what it holds. */
const maxAliases = 100
/** Of one document; what comes after follows from these. */
const maxErrors = 10

interface Position {
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
  /** Text of the documents that could not be parsed. */
  readonly broken: readonly string[]
}

/** Parses all documents of a file. Never throws: what can't be read is a problem. */
export function parseDocuments(file: string, text: string): ParsedFile {
  const start: Position = { line: 1, column: 1 }
  if (Buffer.byteLength(text) > maxFileBytes)
    return failure(file, text, { ...start, message: `is larger than ${maxFileBytes} bytes` })
  try {
    return parse(file, text)
  } catch (error) {
    return failure(file, text, { ...start, message: (error as Error).message })
  }
}

type YamlDocument = Document.Parsed<ParsedNode>

function parse(file: string, text: string): ParsedFile {
  const lines = new LineCounter()
  // A key that is no scalar would be warned of on standard error; here it is an unknown field.
  const options = { lineCounter: lines, prettyErrors: false, logLevel: 'error' } as const
  const documents: SourceDocument[] = []
  const problems: ConfigurationProblem[] = []
  const broken: string[] = []
  for (const document of parseAllDocuments(text, options)) {
    const outcome = readDocument(file, document, lines)
    if ('problems' in outcome) {
      for (const problem of outcome.problems) problems.push(problem)
      broken.push(text.slice(document.range[0], document.range[2]))
    } else if (outcome.value !== null && outcome.value !== undefined)
      documents.push(...itemsOf(outcome))
  }
  return { documents, problems, broken }
}

function readDocument(
  file: string,
  document: YamlDocument,
  lines: LineCounter,
): SourceDocument | { readonly problems: ConfigurationProblem[] } {
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const errors = errorsOf(document)
  if (errors.length > 0)
    return {
      problems: errors.map(({ message, pos }) => ({
        file,
        ...positionAt(pos[0]),
        path: '',
        message,
      })),
    }
  const locate = (path: readonly PropertyKey[]): Position => positionAt(offsetOf(document, path))
  try {
    return {
      file,
      value: document.toJS({ maxAliasCount: maxAliases }),
      locate,
      problem: (path, message) => ({ file, ...locate(path), path: formatPath(path), message }),
    }
  } catch (error) {
    // Aliases without an anchor, or beyond the bound.
    const place = unresolvedAlias(document) ?? offsetOf(document, [])
    const { message } = error as Error
    return { problems: [{ file, ...positionAt(place), path: '', message }] }
  }
}

/**
 * What `kubectl get -o yaml` writes is one document of kind List, whose items are documents as any other. The YAML of
 * each stays where it was, so that problems are found by their lines.
 */
function itemsOf(document: SourceDocument): SourceDocument[] {
  const { file, value } = document
  if (typeof value !== 'object' || value === null || !('items' in value)) return [document]
  if (!('kind' in value) || value.kind !== 'List' || !Array.isArray(value.items)) return [document]
  return value.items.map((item: unknown, index) => ({
    file,
    value: item,
    locate: path => document.locate(['items', index, ...path]),
    problem: (path, message) => ({
      ...document.problem(['items', index, ...path], message),
      path: formatPath(path),
    }),
  }))
}

/** Warnings are of tags that the parser does not know: the value would not be what was meant. */
function errorsOf({ errors, warnings }: YamlDocument): Pick<YAMLError, 'message' | 'pos'>[] {
  const tooDeep = errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION')
  // All others follow from it.
  if (tooDeep !== undefined) return [{ pos: tooDeep.pos, message: 'is nested too deep' }]
  return [...errors, ...warnings].slice(0, maxErrors)
}

/** Where the first alias stands that names no anchor before it. */
function unresolvedAlias(document: YamlDocument): number | undefined {
  const anchors = new Set<string>()
  let offset: number | undefined
  visit(document, (_key, node) => {
    if (isAlias(node) && !anchors.has(node.source)) {
      offset = node.range?.[0]
      return visit.BREAK
    }
    if (isNode(node) && 'anchor' in node && node.anchor !== undefined) anchors.add(node.anchor)
    return undefined
  })
  return offset
}

interface Ranged {
  readonly range?: readonly [number, number, number] | null
}

/** Where the key of the last step stands, else the value, else what is around it. */
function offsetOf(document: YamlDocument, path: readonly PropertyKey[]): number {
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
  // `1: x` has a number for a key, and a string when it is plain data.
  const pair = (parent as Pairs | undefined)?.items?.find(
    item => String(item.key?.value) === String(key),
  )
  return pair?.key?.range?.[0]
}

function failure(
  file: string,
  text: string,
  problem: Omit<ConfigurationProblem, 'file' | 'path'>,
): ParsedFile {
  return { documents: [], problems: [{ file, path: '', ...problem }], broken: [text] }
}
