import { isSeq, type Node } from 'yaml'
import { isDeepStrictEqual } from 'node:util'
import { droppedFields, networkFields, resolverMount } from './application-service.ts'
import type { ComposeFile, ComposeService, Entry, Fields } from './file/compose-file.ts'
import { splitLines, type Edit } from './file/fence.ts'
import type { Injected, Plan } from './plan/plan.ts'
import { sidecarLines } from './sidecar-service.ts'
import { inlineYaml, yamlLines } from './file/yaml-lines.ts'

/** Brings services of a file to what they are to be, with as few lines changed as that takes. */
export class ServiceEditor {
  readonly #file: ComposeFile
  readonly #plan: Plan
  readonly #lines: readonly string[]
  /** Of anchors that stand in services. */
  readonly #lent: ReadonlySet<string>

  constructor(file: ComposeFile, plan: Plan) {
    this.#file = file
    this.#plan = plan
    this.#lines = splitLines(file.text).map(line => line.replace(/\r?\n$/, ''))
    this.#lent = new Set(file.services.flatMap(entry => [...file.anchorsIn(entry).defined]))
  }

  edits(service: ComposeService, wanted: Fields): readonly Edit[] {
    const injected = this.#plan.injected.get(service.name)
    if (injected === undefined && isDeepStrictEqual(wanted, service.value)) return []
    return service.block === undefined
      ? [this.#spelledOut(service, wanted, injected)]
      : this.#fieldEdits(service, wanted, injected)
  }

  /** What is not in block style is written anew. */
  #spelledOut(service: ComposeService, wanted: Fields, injected: Injected | undefined): Edit {
    const { first, end, indent } = service
    const fieldIndent = indent + 2
    const place = { indent, fieldIndent, verbatim: () => undefined }
    const lines = [
      ...(injected === undefined ? [] : sidecarLines(injected, this.#plan, place)),
      `${' '.repeat(indent)}${injected?.application ?? service.name}:${anchorOf(service)}`,
      ...yamlLines(wanted, fieldIndent),
    ]
    return { first, end, lines, indent }
  }

  #fieldEdits(service: ComposeService, wanted: Fields, injected: Injected | undefined): Edit[] {
    const { first, indent, block } = service
    const fieldIndent = block?.indent ?? indent + 2
    const own = (block?.entries ?? []).filter(({ name }) => name !== '<<')
    const added = yamlLines(this.#additions(service, wanted), fieldIndent)
    const fields = own.flatMap(entry => this.#fieldEdit(service, entry, wanted))
    if (injected === undefined)
      return added.length === 0
        ? fields
        : [{ first: first + 1, end: first + 1, lines: added, indent: fieldIndent }, ...fields]
    const verbatim = (field: string): readonly string[] | undefined => {
      const entry = own.find(({ name }) => name === field)
      return entry && this.#lines.slice(entry.first, entry.end)
    }
    const place = { indent, fieldIndent, verbatim }
    const lines = [
      ...sidecarLines(injected, this.#plan, place),
      this.#renamed(service, injected.application),
      ...added,
    ]
    return [{ first, end: first + 1, lines, indent }, ...fields]
  }

  /** The line of a service's name, with another. */
  #renamed({ first, key: [from, to], indent }: ComposeService, name: string): string {
    const line = this.#lines[first] ?? ''
    const written = this.#file.text.slice(from, to)
    const quote = /^["']/.exec(written)?.[0] ?? ''
    return line.slice(0, indent) + quote + name + quote + line.slice(indent + to - from)
  }

  /** Fields that have no lines of their own in the service. */
  #additions(service: ComposeService, wanted: Fields): Fields {
    const own = new Set(service.block?.entries.map(({ name }) => name))
    const inherited = this.#file.inheritedBy(service)
    const isHeir = [...this.#file.anchorsIn(service).used].some(anchor => this.#lent.has(anchor))
    const isKept = (field: string): boolean =>
      isDeepStrictEqual(wanted[field], inherited[field]) && !(isHeir && lentFields.has(field))
    const names = [...new Set([...Object.keys(wanted), ...Object.keys(inherited)])]
    return Object.fromEntries(
      names
        .filter(field => (!own.has(field) || isGone(field, wanted, inherited)) && !isKept(field))
        .map(field => [field, wanted[field] ?? emptyFields[field]])
        .filter(([, value]) => value !== undefined),
    )
  }

  #fieldEdit(service: ComposeService, entry: Entry, wanted: Fields): Edit[] {
    const { name, first, end, indent, node } = entry
    const value = wanted[name]
    if (isDeepStrictEqual(value, service.value[name])) return []
    const inserted = this.#insertedMount(entry, value)
    if (inserted !== undefined) return [inserted]
    if (value === undefined) return [{ first, end, lines: [], indent }]
    const lines = yamlLines({ [name]: value }, indent)
    return [{ first, end, lines: withAnchor(lines, node), indent }]
  }

  /** A list in block style keeps its lines, and gets one more. */
  #insertedMount({ name, first, node }: Entry, value: unknown): Edit | undefined {
    if (name !== 'volumes' || !isSeq(node) || node.flow === true || node.items.length === 0)
      return undefined
    if (!Array.isArray(value) || value[0] !== resolverMount) return undefined
    const indent = this.#file.columnOf(node)
    const item = `${' '.repeat(indent)}- ${inlineYaml(resolverMount)}`
    return { first: first + 1, end: first + 1, lines: [item], indent }
  }
}

/** What injection may change of a service that others take over by an alias. */
const lentFields: ReadonlySet<string> = new Set(['volumes', 'labels', 'sysctls', 'depends_on'])

/** For what an alias brings in and is not wanted. */
const emptyFields: Fields = {
  ...networkFields,
  ...droppedFields,
  volumes: [],
  labels: {},
  sysctls: {},
}

/** Its own lines go, and those of an alias would come to light. */
function isGone(field: string, wanted: Fields, inherited: Fields): boolean {
  return wanted[field] === undefined && inherited[field] !== undefined
}

function anchorOf({ node }: Entry): string {
  const anchor = node !== undefined && 'anchor' in node ? node.anchor : undefined
  return typeof anchor === 'string' ? ` &${anchor}` : ''
}

function withAnchor(lines: readonly string[], node: Node | undefined): readonly string[] {
  const [head = '', ...rest] = lines
  const anchor = node === undefined ? '' : anchorOf({ node } as Entry)
  return [head.replace(/^(\s*[^:]+:)/, `$1${anchor}`), ...rest]
}
