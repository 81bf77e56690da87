import { stringify } from 'yaml'

/** A mapping in block style, each line indented by so many spaces. What is short inside stays on one line. */
export function yamlLines(value: object, indent: number): readonly string[] {
  return Object.entries(value).flatMap(([key, item]) => entryLines(key, item, indent))
}

/** Any value on one line: `{ a: [1, 2] }`. */
export function inlineYaml(value: unknown): string {
  if (typeof value !== 'object' || value === null) return scalar(value)
  if (Array.isArray(value)) return `[${value.map(inlineYaml).join(', ')}]`
  const entries = Object.entries(value).map(([key, item]) => `${scalar(key)}: ${inlineYaml(item)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

const longest = 110

function entryLines(key: string, item: unknown, indent: number): readonly string[] {
  const head = `${' '.repeat(indent)}${scalar(key)}:`
  const line = `${head} ${inlineYaml(item)}`
  if (typeof item !== 'object' || item === null) return [line]
  if (Object.keys(item).length === 0 || (line.length <= longest && !isDeep(item))) return [line]
  if (!Array.isArray(item)) return [head, ...yamlLines(item, indent + 2)]
  return [head, ...item.map(inner => `${' '.repeat(indent + 2)}- ${inlineYaml(inner)}`)]
}

/** More than one mapping on a line is hard to read. */
function isDeep(item: object): boolean {
  const inner = Object.values(item).filter(value => typeof value === 'object' && value !== null)
  return inner.some(value => !Array.isArray(value)) && Object.keys(item).length > 1
}

/** Quoted also where only YAML 1.1, which some programs read compose files by, takes it for something else. */
function scalar(value: unknown): string {
  if (typeof value === 'string' && value.includes('\n')) return JSON.stringify(value)
  if (typeof value === 'string' && value.includes(':')) return `'${value.replaceAll("'", "''")}'`
  const style = { version: '1.1', lineWidth: 0, singleQuote: true } as const
  const list = stringify([value], {
    ...style,
    collectionStyle: 'flow',
    flowCollectionPadding: false,
  })
  return list.trim().slice(1, -1)
}
