// Gateway API lets the more specific match win, and of equal ones the first: so a match is never reached where an equal one,
// or a pattern for all paths, stands before it.
import type { ValueMatch } from '../../kinds/gateway-route.ts'
import type { GrpcRouteResource } from '../../kinds/grpc-route.ts'
import type { HttpRouteResource } from '../../kinds/http-route.ts'
import type { Report } from '../references.ts'
import type { Sourced } from '../validate.ts'
import { ofKind, titleOf } from './resources.ts'

type RouteResource = HttpRouteResource | GrpcRouteResource

/** A match as it is compared: what it asks for, with what is said in two ways said in one. */
interface Candidate {
  readonly source: Sourced<RouteResource>
  readonly rule: number
  /** Undefined: the rule gives none, and takes everything. */
  readonly match: number | undefined
  /** Equal: the same paths and methods. */
  readonly target: string
  /** Equal: neither is more specific, so that the first goes first. */
  readonly rank: string
  /** It takes all paths, and goes before those that are prefixes. */
  readonly takesAllPaths: boolean
  readonly isPrefix: boolean
  readonly method: string | undefined
  readonly conditions: readonly Condition[]
}

type Condition = ValueMatch & { readonly of: 'header' | 'query' }

export function checkShadowedRoutes(sources: readonly Sourced[], report: Report): void {
  for (const kind of ['HTTPRoute', 'GRPCRoute'] as const)
    checkCandidates(ofKind(sources, kind).toSorted(byName).flatMap(candidatesOf), report)
}

/** Only what has the same target, or a pattern for all, can be in the way: not each route is compared with each other. */
function checkCandidates(candidates: readonly Candidate[], report: Report): void {
  const patterns = candidates.filter(({ takesAllPaths }) => takesAllPaths)
  for (const equal of Map.groupBy(candidates, ({ target }) => target).values())
    for (const [index, candidate] of equal.entries()) {
      const rival = rivalOf(candidate, equal.slice(0, index), patterns)
      if (rival !== undefined) warn(candidate, rival, report)
    }
}

/** Who takes all that it could. */
function rivalOf(
  candidate: Candidate,
  before: readonly Candidate[],
  patterns: readonly Candidate[],
): Candidate | undefined {
  const isInTheWay = (other: Candidate): boolean => covers(other, candidate)
  return (
    before.find(other => other.rank === candidate.rank && isInTheWay(other)) ??
    (candidate.isPrefix ? patterns.find(isInTheWay) : undefined)
  )
}

function warn({ source, rule, match }: Candidate, rival: Candidate, report: Report): void {
  const path = ['spec', 'rules', rule, ...(match === undefined ? [] : ['matches', match])]
  const own = rival.source === source ? '' : ` of ${titleOf(rival.source)}`
  const where = `rules[${rival.rule}]${rival.match === undefined ? '' : `.matches[${rival.match}]`}`
  report(
    source,
    path,
    `is never reached: ${where}${own} takes all its requests first; change one, or leave this out`,
  )
}

/** As the compiler sorts them, files having no ages. */
function byName({ resource: a }: Sourced<RouteResource>, { resource: b }: Sourced<RouteResource>) {
  return a.metadata.name < b.metadata.name ? -1 : 1
}

function candidatesOf(source: Sourced<RouteResource>): Candidate[] {
  const { resource } = source
  if (resource.kind === 'HTTPRoute')
    return resource.spec.rules.flatMap(({ matches }, rule) =>
      withDefault(matches, { headers: [], queryParams: [] }).map(({ value, index }) => {
        const { path: { type, value: path } = { type: 'PathPrefix', value: '/' }, method } = value
        const isPrefix = type === 'PathPrefix'
        return {
          source,
          rule,
          match: index,
          target: `${type} ${isPrefix ? path.replace(/\/$/, '') : path}`,
          rank: [method !== undefined, value.headers.length, value.queryParams.length].join(),
          takesAllPaths: type === 'RegularExpression' && /^\/?\.\*$/.test(path),
          isPrefix,
          method,
          conditions: [
            ...conditionsOf(value.headers, 'header'),
            ...conditionsOf(value.queryParams, 'query'),
          ],
        }
      }),
    )
  return resource.spec.rules.flatMap(({ matches }, rule) =>
    withDefault(matches, { headers: [] }).map(({ value: { method, headers }, index }) => ({
      source,
      rule,
      match: index,
      target: JSON.stringify([method?.type, method?.service, method?.method]),
      rank: String(headers.length),
      takesAllPaths: false,
      isPrefix: false,
      method: undefined,
      conditions: conditionsOf(headers, 'header'),
    })),
  )
}

interface Indexed<M> {
  readonly value: M
  readonly index: number | undefined
}

function withDefault<M>(matches: readonly M[], anything: M): Indexed<M>[] {
  if (matches.length === 0) return [{ value: anything, index: undefined }]
  return matches.map((value, index) => ({ value, index }))
}

function conditionsOf(matches: readonly ValueMatch[], of: Condition['of']): Condition[] {
  return matches.map(match => ({
    ...match,
    of,
    name: of === 'header' ? match.name.toLowerCase() : match.name,
  }))
}

/** Whatever `b` takes `a` would take, wherever `b` holds. The paths are seen to already. */
function covers(a: Candidate, b: Candidate): boolean {
  if (a === b || !isAttachedWherever(a, b)) return false
  if (a.method !== undefined && a.method !== b.method) return false
  return a.conditions.every(wanted => b.conditions.some(given => implies(given, wanted)))
}

function implies(given: Condition, wanted: Condition): boolean {
  if (given.of !== wanted.of || given.name !== wanted.name) return false
  const takesAny = wanted.type === 'RegularExpression' && wanted.value === '.*'
  return takesAny || (given.type === wanted.type && given.value === wanted.value)
}

/** Routes of different namespaces never hold for one caller (GEP-1294). */
function isAttachedWherever(a: Candidate, b: Candidate): boolean {
  if (a.source === b.source) return true
  const [one, other] = [a.source.resource, b.source.resource]
  if (one.metadata.namespace !== other.metadata.namespace) return false
  const { namespace } = one.metadata
  return other.spec.parentRefs.every(parent =>
    one.spec.parentRefs.some(
      candidate =>
        candidate.name === parent.name &&
        (candidate.namespace ?? namespace) === (parent.namespace ?? namespace) &&
        (candidate.port === undefined || candidate.port === parent.port) &&
        (candidate.sectionName === undefined || candidate.sectionName === parent.sectionName),
    ),
  )
}
