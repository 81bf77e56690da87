import type { RequestHead } from '../../http/message.ts'
import { literalElements } from '../../model/pattern/pattern-start.ts'
import type { Route, RouteMatch } from '../../model/route.ts'
import { compileConditions, prefixElements, RequestView, type Condition } from './route-matcher.ts'

/** One match of a route. */
interface Candidate {
  /** The route's place in the order of precedence. */
  readonly rank: number
  readonly match: RouteMatch
  readonly conditions: readonly Condition[]
}

const slash = 47

/**
 * Finds the first route that fits without trying all of them: by exact path, by each prefix that the path has, and
 * within these by a method, header or query parameter that many routes ask for by its exact value. A regular expression
 * stands with the prefix that it begins with. The answer is the one that the order of precedence gives.
 */
export class RouteIndex {
  readonly #view = new RequestView()
  /** Of routes of which the first takes every request. */
  readonly #firstTakesAll: boolean
  readonly #exact = new Map<string, Bucket>()
  readonly #prefixes = new Map<string, Bucket>()
  /** Lengths of the prefixes, each once, the longest first. */
  readonly #prefixLengths: readonly number[]
  /** What asks for no path, and regular expressions that begin with none. */
  readonly #others: Bucket

  /** @param routes in the order of precedence. */
  constructor(routes: readonly Pick<Route, 'matches'>[]) {
    const candidates = routes.flatMap(candidatesOf)
    this.#firstTakesAll = candidates.some(candidate => candidate.rank === 0 && takesAll(candidate))
    const byPath = Map.groupBy(candidates, ({ match }) => indexedPath(match))
    for (const [key, list] of byPath)
      if (key.startsWith('=')) this.#exact.set(key.slice(1), new Bucket(list))
      else if (key !== '') this.#prefixes.set(key, new Bucket(list))
    this.#others = new Bucket(byPath.get('') ?? [])
    const lengths = new Set([...this.#prefixes.keys()].map(({ length }) => length))
    this.#prefixLengths = [...lengths].toSorted((a, b) => b - a)
  }

  /** The place of the first route that fits; -1 when none does. */
  find(request: RequestHead): number {
    if (this.#firstTakesAll) return 0
    const view = this.#view
    view.look(request)
    const { path } = view
    let best = Number.POSITIVE_INFINITY
    best = this.#exact.get(path)?.first(view, best) ?? best
    for (const length of this.#prefixLengths) {
      // Gateway API: a prefix matches whole path elements, so /foo takes /foo and /foo/bar but not /foobar.
      if (length !== path.length && path.charCodeAt(length) !== slash) continue
      best = this.#prefixes.get(path.slice(0, length))?.first(view, best) ?? best
    }
    best = this.#others.first(view, best)
    return best === Number.POSITIVE_INFINITY ? -1 : best
  }
}

/** A route without matches takes every request. */
function candidatesOf({ matches }: Pick<Route, 'matches'>, rank: number): Candidate[] {
  const list: readonly RouteMatch[] = matches.length === 0 ? [{}] : matches
  return list.map(match => ({ rank, match, conditions: compileConditions(match) }))
}

function takesAll({ match, conditions }: Candidate): boolean {
  return indexedPath(match) === '' && conditions.length === 0
}

/** `=/a` of an exact path, `/a` of a prefix, empty for what is not found by a path. */
function indexedPath({ path }: RouteMatch): string {
  switch (path?.kind) {
    case 'exact':
      return `=${path.value}`
    case 'prefix':
      return prefixElements(path)
    case 'regex':
      return literalElements(path.value)
    case undefined:
      return ''
  }
}

/** Something that a request has one value of: `method`, `header x-tenant`, `query page`. */
interface Discriminator {
  readonly key: string
  readonly of: (view: RequestView) => string | undefined
}

/** From so many on it is quicker to look a value up than to compare it with each. */
const worthIndexing = 8

/** Candidates that one path leads to. */
class Bucket {
  readonly #discriminator: Discriminator | undefined
  readonly #byValue: ReadonlyMap<string, readonly Candidate[]>
  /** Those that do not ask for it. */
  readonly #rest: readonly Candidate[]

  constructor(candidates: readonly Candidate[]) {
    this.#discriminator = commonest(candidates)
    const { key } = this.#discriminator ?? {}
    const groups = Map.groupBy(candidates, ({ match }) =>
      key === undefined ? undefined : exactValues(match).get(key),
    )
    this.#rest = groups.get(undefined) ?? []
    groups.delete(undefined)
    this.#byValue = groups as Map<string, Candidate[]>
  }

  /** The least rank that fits, if it is below `best`; else `best`. */
  first(view: RequestView, best: number): number {
    const found = firstOf(this.#rest, view, best)
    if (this.#discriminator === undefined) return found
    const value = this.#discriminator.of(view)
    const list = value === undefined ? undefined : this.#byValue.get(value)
    return list === undefined ? found : firstOf(list, view, found)
  }
}

function firstOf(candidates: readonly Candidate[], view: RequestView, best: number): number {
  for (const { rank, conditions } of candidates) {
    if (rank >= best) return best
    if (holdAll(conditions, view)) return rank
  }
  return best
}

function holdAll(conditions: readonly Condition[], view: RequestView): boolean {
  for (const holds of conditions) if (!holds(view)) return false
  return true
}

/** What the most candidates ask for by an exact value. */
function commonest(candidates: readonly Candidate[]): Discriminator | undefined {
  if (candidates.length < worthIndexing) return undefined
  const keys = candidates.flatMap(({ match }) => [...exactValues(match).keys()])
  const counts = [...Map.groupBy(keys, key => key)].map(([key, { length }]) => ({ key, length }))
  const [best] = counts.toSorted((a, b) => b.length - a.length)
  return best === undefined || best.length < worthIndexing ? undefined : discriminatorOf(best.key)
}

function discriminatorOf(key: string): Discriminator {
  if (key === 'method') return { key, of: view => view.method }
  const name = key.slice(key.indexOf(' ') + 1)
  return key.startsWith('header ')
    ? { key, of: view => view.header(name) }
    : { key, of: view => view.parameter(name) }
}

/** By the keys of discriminators. Of a name that stands twice the first counts, the second is a condition all the same. */
function exactValues({ method, headers = [], query = [] }: RouteMatch): Map<string, string> {
  const values = new Map<string, string>()
  if (method !== undefined) values.set('method', method)
  for (const { name, kind, value } of headers)
    if (kind === 'exact' && !values.has(`header ${name}`)) values.set(`header ${name}`, value)
  for (const { name, kind, value } of query)
    if (kind === 'exact' && !values.has(`query ${name}`)) values.set(`query ${name}`, value)
  return values
}
