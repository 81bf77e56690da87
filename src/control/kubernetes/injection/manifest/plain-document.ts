// Anchors, aliases and merge keys are spelled out, so that a change of one container is none of all that share its lines.
import { isAlias, isMap, isNode, isSeq, visit, type Document, type Node, type YAMLMap } from 'yaml'

/** More are a mistake, or never end. */
const maxAliases = 1000

/** Changes the document, if there are any. @throws Error when there are too many. */
export function spellOut(document: Document): void {
  let aliases = 0
  visit(document, {
    Alias: (_key, alias) => {
      const source = alias.resolve(document)
      if (source === undefined || ++aliases > maxAliases)
        throw new Error(`more than ${maxAliases} aliases, or one without an anchor`)
      return source.clone() as Node
    },
  })
  if (aliases === 0) return
  visit(document, (_key, node) => {
    if (isNode(node) && 'anchor' in node) delete node.anchor
  })
  visit(document, { Map: (_key, map) => spellOutMerges(map) })
}

function spellOutMerges(map: YAMLMap): void {
  for (;;) {
    const index = map.items.findIndex(({ key }) => isMerge(key))
    if (index < 0) return
    const { value } = map.items[index] ?? {}
    map.items.splice(index, 1)
    const sources = isSeq(value) ? value.items : [value]
    const merged = sources.flatMap(source => (isMap(source) ? source.items : []))
    let place = index
    for (const pair of merged) {
      // The first wins, and what the map itself says before all.
      if (!isMerge(pair.key) && map.has(pair.key)) continue
      map.items.splice(place++, 0, pair.clone())
    }
  }
}

function isMerge(key: unknown): boolean {
  if (!isNode(key) || isAlias(key) || !('value' in key)) return false
  const { value } = key
  return value === '<<' || (typeof value === 'symbol' && value.description === '<<')
}
