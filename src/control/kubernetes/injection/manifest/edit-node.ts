// Turns the YAML of one value into that of another, and touches nothing that both have: comments stay where they are.
import { isDeepStrictEqual } from 'node:util'
import {
  isMap,
  isNode,
  isScalar,
  isSeq,
  Scalar,
  visit,
  type Document,
  type Node,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'

type Fields = Readonly<Record<string, unknown>>

/** `before` is what `node` stands for. Returns what stands for `after`: mostly `node` itself, changed. */
export function editNode(
  document: Document,
  node: unknown,
  { before, after }: { readonly before: unknown; readonly after: unknown },
): Node {
  if (isMap(node) && isFields(before) && isFields(after)) {
    editMap(document, node, { before, after })
    return node
  }
  const names = isSeq(node) ? namesOf(before) : undefined
  const wanted = namesOf(after)
  if (isSeq(node) && names !== undefined && wanted !== undefined) {
    editList(document, node, { before: names, after: wanted })
    return node
  }
  const fresh = newNode(document, after)
  // As of `path: /live # cheap`.
  if (isScalar(node) && isScalar(fresh)) {
    const { comment, commentBefore, spaceBefore } = node
    Object.assign(fresh, { comment, commentBefore, spaceBefore })
  }
  return fresh
}

function editMap(
  document: Document,
  map: YAMLMap,
  { before, after }: { readonly before: Fields; readonly after: Fields },
): void {
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) map.delete(key)
  for (const [key, value] of Object.entries(after)) {
    const was = before[key]
    if (!Object.hasOwn(before, key)) map.set(newNode(document, key), newNode(document, value))
    else if (!isDeepStrictEqual(was, value))
      map.set(key, editNode(document, map.get(key, true), { before: was, after: value }))
  }
}

type Named = ReadonlyMap<string, unknown>

/** Items are known by their names, as for the API server. */
function editList(
  document: Document,
  list: YAMLSeq,
  { before, after }: { readonly before: Named; readonly after: Named },
): void {
  const nodes = new Map([...before.keys()].map((name, index) => [name, list.items[index]]))
  list.items = [...after].map(([name, value]) => {
    const was = before.get(name)
    const node = nodes.get(name)
    if (node === undefined) return newNode(document, value)
    return isDeepStrictEqual(was, value)
      ? node
      : editNode(document, node, { before: was, after: value })
  })
  const [first] = nodes.values()
  // A comment above the first item is the list's for the parser, and about that item for people.
  if (list.commentBefore && isNode(first) && list.items[0] !== first) {
    first.commentBefore = [list.commentBefore, first.commentBefore].filter(Boolean).join('\n')
    list.commentBefore = null
  }
  // `[]` as it was written would become `[ { … } ]`.
  if (before.size === 0) list.flow = false
}

/** Undefined: no list of objects that have names, each another. */
function namesOf(value: unknown): Named | undefined {
  if (!Array.isArray(value)) return undefined
  const named = new Map<string, unknown>()
  for (const item of value) {
    const name: unknown = isFields(item) ? item['name'] : undefined
    if (typeof name !== 'string' || named.has(name)) return undefined
    named.set(name, item)
  }
  return named
}

/** What no dialect of YAML takes for a number, a date or a boolean. */
const plain = /^(?!(?:y|n|yes|no|on|off|true|false|null)$)[A-Za-z/](?:[\w./-]*[\w/])?$/i

function newNode(document: Document, value: unknown): Node {
  const node = document.createNode(value, { aliasDuplicateObjects: false })
  visit(node, {
    Scalar: (_key, scalar) => {
      if (isScalar(scalar) && typeof scalar.value === 'string' && !plain.test(scalar.value))
        scalar.type = scalar.value.includes('"') ? Scalar.QUOTE_SINGLE : Scalar.QUOTE_DOUBLE
    },
  })
  return node
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
