import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, type Document } from 'yaml'
import { formatPath, type ConfigurationProblem } from '../../../../model/problem.ts'
import { dialect } from './yaml-dialect.ts'

/** Of one document; what comes after follows from these. */
const maxErrors = 10

/** One document of a file, which can tell where its values stand in that file. */
export class PlacedDocument {
  readonly text: string
  readonly #place: { readonly file: string; readonly linesBefore: number }
  readonly #lines = new LineCounter()
  readonly #document: Document.Parsed

  constructor(text: string, place: { readonly file: string; readonly linesBefore: number }) {
    this.text = text
    this.#place = place
    this.#document = parseDocument(text, { ...dialect, lineCounter: this.#lines })
  }

  /** Only comments, or `null`. */
  get isEmpty(): boolean {
    const { contents, errors } = this.#document
    const isNothing = contents === null || (isScalar(contents) && contents.value === null)
    return isNothing && errors.length === 0
  }

  /** As plain data. @throws Error when it has no end, is repeated too often, or merges what is no map. */
  get value(): unknown {
    const value: unknown = this.#document.toJS()
    try {
      JSON.stringify(value)
    } catch (cause) {
      throw new Error('an alias stands within what its anchor names', { cause })
    }
    return value
  }

  /** Why it cannot be read. Warnings are of tags that nobody knows here: the value would not be what was meant. */
  get problems(): readonly ConfigurationProblem[] {
    const { errors, warnings } = this.#document
    return [...errors, ...warnings]
      .slice(0, maxErrors)
      .map(({ pos, message }) => this.#problemAt(pos[0], [], message))
  }

  /** At the value that the path leads to, or at the nearest one around it. */
  problem(path: readonly PropertyKey[], message: string): ConfigurationProblem {
    const { contents } = this.#document
    let offset = contents?.range[0] ?? 0
    for (let length = 1; length <= path.length; length++) {
      const parent: unknown = this.#document.getIn(path.slice(0, length - 1), true)
      offset = offsetAt(parent, path[length - 1]) ?? offset
    }
    return this.#problemAt(offset, path, message)
  }

  #problemAt(offset: number, path: readonly PropertyKey[], message: string): ConfigurationProblem {
    const { line, col } = this.#lines.linePos(offset)
    const { file, linesBefore } = this.#place
    return { file, line: linesBefore + line, column: col, path: formatPath(path), message }
  }
}

/** Of the key in a map, of the item in a list. */
function offsetAt(parent: unknown, key: PropertyKey | undefined): number | undefined {
  if (isMap(parent)) {
    const pair = parent.items.find(
      item => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
    )
    return isNode(pair?.key) ? pair.key.range?.[0] : undefined
  }
  const item: unknown = isNode(parent) && 'get' in parent ? parent.get(key, true) : undefined
  return isNode(item) ? item.range?.[0] : undefined
}
