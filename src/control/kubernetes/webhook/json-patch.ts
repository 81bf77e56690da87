/** One operation of a JSON patch (RFC 6902). */
export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

type Fields = Readonly<Record<string, unknown>>

/**
 * What has to be done to `before`, as parsed from JSON, to make it `after`; members of `after` that are undefined count
 * as absent. In lists, what both begin and end with is left alone.
 */
export function diff(before: unknown, after: unknown): PatchOperation[] {
  const operations: PatchOperation[] = []
  collect(before, after, { path: '', operations })
  return operations
}

interface Place {
  /** JSON pointer (RFC 6901). */
  readonly path: string
  readonly operations: PatchOperation[]
}

function collect(before: unknown, after: unknown, place: Place): void {
  if (Array.isArray(before) && Array.isArray(after)) collectItems(before, after, place)
  else if (isFields(before) && isFields(after)) collectMembers(before, after, place)
  else if (!isEqual(before, after))
    place.operations.push({ op: 'replace', path: place.path, value: after })
}

function collectMembers(before: Fields, after: Fields, { path, operations }: Place): void {
  for (const name of Object.keys(before))
    if (!has(after, name)) operations.push({ op: 'remove', path: below(path, name) })
  for (const name of Object.keys(after)) {
    const value = after[name]
    const at = { path: below(path, name), operations }
    if (!has(after, name)) continue
    if (has(before, name)) collect(before[name], value, at)
    else operations.push({ op: 'add', path: at.path, value })
  }
}

function collectItems(
  before: readonly unknown[],
  after: readonly unknown[],
  { path, operations }: Place,
): void {
  const shorter = Math.min(before.length, after.length)
  let head = 0
  while (head < shorter && isEqual(before[head], after[head])) head++
  let tail = 0
  while (tail < shorter - head && isEqual(before.at(-1 - tail), after.at(-1 - tail))) tail++
  const common = shorter - tail
  for (let index = head; index < common; index++)
    collect(before[index], after[index], { path: `${path}/${index}`, operations })
  // From the last one down: each removal shifts what follows.
  for (let index = before.length - tail - 1; index >= common; index--)
    operations.push({ op: 'remove', path: `${path}/${index}` })
  for (let index = common; index < after.length - tail; index++)
    operations.push({ op: 'add', path: `${path}/${index}`, value: after[index] })
}

function isEqual(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, index) => isEqual(item, other[index]))
  if (!isFields(one) || !isFields(other)) return one === other
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every(name =>
    has(one, name) ? has(other, name) && isEqual(one[name], other[name]) : !has(other, name),
  )
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Own ones alone: a document may have a member `__proto__`, and one `constructor` is not in each. */
function has(fields: Fields, name: string): boolean {
  return Object.hasOwn(fields, name) && fields[name] !== undefined
}

/** RFC 6901 §3. */
function below(path: string, name: string): string {
  return `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
