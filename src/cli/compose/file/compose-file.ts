import { fieldsOf } from '../../../base/fields.ts'
import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml'
import type { ConfigurationProblem } from '../../../model/problem.ts'

export type Fields = Readonly<Record<string, unknown>>

/** What a key of a mapping in block style covers. */
export interface Entry {
  readonly name: string
  /** Its first line, from 0. */
  readonly first: number
  /** Behind its last one; comments and blank lines that follow are not its own. */
  readonly end: number
  /** Of the key. */
  readonly indent: number
  /** Undefined: it has no value. */
  readonly node: Node | undefined
  /** Offsets of the key in the text. */
  readonly key: readonly [number, number]
}

/** A mapping in block style, whose lines can be told apart. */
export interface Block {
  readonly entries: readonly Entry[]
  /** Of its keys. */
  readonly indent: number
}

export interface ComposeService extends Entry {
  /** With merge keys and aliases worked in. */
  readonly value: Fields
  /** Undefined: it is not written in block style. */
  readonly block: Block | undefined
}

/** The file is none that can be worked on. */
export class ComposeError extends Error {
  readonly problems: readonly ConfigurationProblem[]

  constructor(problems: readonly ConfigurationProblem[]) {
    super('not a compose file')
    this.problems = problems
  }
}

const maxErrors = 10
/** How often one anchor may be repeated, counting the repetitions in what it holds; large files repeat some 200 times. */
const maxAliases = 10_000

/** One compose file, and where everything in it stands. */
export class ComposeFile {
  readonly text: string
  readonly root: Block
  /** Of `services`. */
  readonly servicesBlock: Block
  readonly services: readonly ComposeService[]
  /** The whole, with merge keys and aliases worked in. */
  readonly value: Fields
  readonly #file: string
  readonly #document: Document.Parsed
  readonly #lines = new LineCounter()

  /** @throws ComposeError */
  constructor(file: string, text: string) {
    this.text = text
    this.#file = file
    this.#document = parseDocument(text, {
      merge: true,
      prettyErrors: false,
      logLevel: 'error',
      lineCounter: this.#lines,
    })
    const errors = [...this.#document.errors].slice(0, maxErrors)
    if (errors.length > 0)
      throw new ComposeError(errors.map(({ pos, message }) => this.#problem(pos[0], message)))
    this.value = this.#plain()
    this.root = this.#rootBlock()
    const [services, block] = this.#findServices()
    this.servicesBlock = block
    this.services = block.entries.map(entry => ({
      ...entry,
      value: fieldsOf(services[entry.name]),
      block: this.#blockOf(entry.node),
    }))
  }

  problem(entry: Entry, message: string): ConfigurationProblem {
    return this.#problem(entry.key[0], message)
  }

  /** A mapping that is the value of an entry. Undefined: it is none, or not in block style. */
  blockIn(entry: Entry): Block | undefined {
    return this.#blockOf(entry.node)
  }

  /** What merge keys bring into a service; its own fields count before. */
  inheritedBy({ block }: ComposeService): Fields {
    const merge = block?.entries.find(({ name }) => name === '<<')?.node
    const merged: unknown = merge?.toJS(this.#document, { maxAliasCount: maxAliases })
    return Array.isArray(merged)
      ? Object.assign({}, ...merged.map(fieldsOf).toReversed())
      : fieldsOf(merged)
  }

  /** Names of anchors that stand in an entry, its own among them, and of those that its aliases name. */
  anchorsIn({ node }: Entry): { readonly defined: Set<string>; readonly used: Set<string> } {
    const defined = new Set<string>()
    const used = new Set<string>()
    if (node !== undefined)
      visit(node, (_key, inner) => {
        if (isAlias(inner)) used.add(inner.source)
        else if ((isScalar(inner) || isCollection(inner)) && inner.anchor !== undefined)
          defined.add(inner.anchor)
      })
    return { defined, used }
  }

  /** Column, from 0, in which a node begins. */
  columnOf({ range }: Node): number {
    return range === undefined || range === null ? 0 : this.#lines.linePos(range[0]).col - 1
  }

  #plain(): Fields {
    try {
      return fieldsOf(this.#document.toJS({ maxAliasCount: maxAliases }))
    } catch (error) {
      // Aliases without an anchor, or beyond any bound.
      throw new ComposeError([this.#problem(0, (error as Error).message)])
    }
  }

  #rootBlock(): Block {
    const root = this.#blockOf(this.#document.contents ?? undefined)
    if (root !== undefined) return root
    const what = isMap(this.#document.contents)
      ? 'is written in flow style, {…}: write it in block style, a key a line'
      : 'is no compose file: expected a mapping with the key "services"'
    throw new ComposeError([this.#problem(0, what)])
  }

  #findServices(): [Fields, Block] {
    const entry = this.root.entries.find(({ name }) => name === 'services')
    if (entry === undefined)
      throw new ComposeError([this.#problem(0, 'has no "services": is it a compose file?')])
    const block = this.#blockOf(entry.node)
    if (block !== undefined) return [fieldsOf(this.value['services']), block]
    const message = 'expected services in block style, a line for the name of each'
    throw new ComposeError([this.problem(entry, message)])
  }

  #blockOf(node: Node | undefined): Block | undefined {
    if (!isMap(node) || node.flow === true || node.items.length === 0) return undefined
    const entries = (node as YAMLMap<Node, Node | null>).items.map(pair => this.#entryOf(pair))
    const [head] = entries
    if (head === undefined || entries.some(entry => entry === undefined)) return undefined
    return { entries: entries.filter(entry => entry !== undefined), indent: head.indent }
  }

  /** Undefined: its key does not begin its line, as with `? key`. */
  #entryOf({ key, value }: Pair<Node, Node | null>): Entry | undefined {
    const [from, to] = key.range ?? [0, 0]
    const first = this.#lineAt(from)
    const start = this.#lines.lineStarts[first] ?? 0
    if (!isScalar(key) || !/^\uFEFF? *$/.test(this.text.slice(start, from))) return undefined
    const name = typeof key.value === 'symbol' ? '<<' : String(key.value)
    const node = isEmpty(value) ? undefined : (value ?? undefined)
    const end = node?.range?.[1] === undefined ? first : this.#lineAt(node.range[1] - 1)
    return { name, first, end: end + 1, indent: from - start, node, key: [from, to] }
  }

  #lineAt(offset: number): number {
    return this.#lines.linePos(offset).line - 1
  }

  #problem(offset: number, message: string): ConfigurationProblem {
    const { line, col } = this.#lines.linePos(offset)
    return {
      file: this.#file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      path: '',
      message,
    }
  }
}

function isEmpty(node: Node | Alias | null): boolean {
  return node === null || (isScalar(node) && node.value === null && node.source === '')
}
