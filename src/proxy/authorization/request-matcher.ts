import type { HeaderList } from '../../http/headers.ts'
import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationRule,
} from '../../model/policy/authorization.ts'
import type { Leaning } from './caller-matcher.ts'
import { claimTexts } from './claims.ts'
import type { RequestView } from './request-view.ts'
import { compilePatterns, type TextPatterns } from './text-patterns.ts'
import { visiblePattern } from './visible-path.ts'

/** What a rule asks of the request itself: one of its operations, and all of its conditions. */
export class RequestMatcher {
  readonly #operations: readonly OperationMatcher[]
  readonly #conditions: readonly ConditionMatcher[]

  constructor(operations: readonly OperationMatcher[], conditions: readonly ConditionMatcher[]) {
    this.#operations = operations
    this.#conditions = conditions
  }

  /** It fits every request. */
  get isUnconditional(): boolean {
    return this.#operations.length === 0 && this.#conditions.length === 0
  }

  matches(view: RequestView): boolean {
    for (const condition of this.#conditions) if (!condition.matches(view)) return false
    if (this.#operations.length === 0) return true
    for (const operation of this.#operations) if (operation.matches(view)) return true
    return false
  }
}

export function compileRequest(
  { to = [], when = [] }: AuthorizationRule,
  leaning: Leaning,
): RequestMatcher {
  return new RequestMatcher(
    to.map(operation => new OperationMatcher(operation, leaning)),
    when.map(condition => compileCondition(condition, leaning)),
  )
}

/**
 * For a connection of which only bytes are seen. Istio's rule: what asks for HTTP opens nothing there (undefined), and
 * shuts all the same, by what else it asks for.
 */
export function compileTcpRequest(
  { to = [], when = [] }: AuthorizationRule,
  leaning: Leaning,
): RequestMatcher | undefined {
  if (leaning === 'strict' && when.length > 0) return undefined
  const byPort = to.filter(operation => leaning === 'loose' || !asksForHttp(operation))
  if (to.length > 0 && byPort.length === 0) return undefined
  const operations = byPort.map(({ ports, notPorts }) => ({
    ...(ports !== undefined && { ports }),
    ...(notPorts !== undefined && { notPorts }),
  }))
  return new RequestMatcher(
    operations.map(operation => new OperationMatcher(operation, leaning)),
    [],
  )
}

function asksForHttp({ methods, notMethods, paths, notPaths }: AuthorizationOperation): boolean {
  return [methods, notMethods, paths, notPaths].some(list => list !== undefined)
}

/** One element of `to`. */
export class OperationMatcher {
  readonly #leaning: Leaning
  readonly #methods: ReadonlySet<string> | undefined
  readonly #notMethods: ReadonlySet<string> | undefined
  readonly #paths: TextPatterns | undefined
  readonly #notPaths: TextPatterns | undefined
  readonly #ports: ReadonlySet<number> | undefined
  readonly #notPorts: ReadonlySet<number> | undefined

  constructor(operation: AuthorizationOperation, leaning: Leaning) {
    const { methods, notMethods, paths, notPaths, ports, notPorts } = operation
    this.#leaning = leaning
    this.#methods = methods && new Set(methods)
    this.#notMethods = notMethods && new Set(notMethods)
    this.#paths = compilePatterns(paths?.map(visiblePattern))
    this.#notPaths = compilePatterns(notPaths?.map(visiblePattern))
    this.#ports = ports && new Set(ports)
    this.#notPorts = notPorts && new Set(notPorts)
  }

  matches(view: RequestView): boolean {
    if (this.#ports?.has(view.port) === false) return false
    if (this.#notPorts?.has(view.port) === true) return false
    if (this.#methods?.has(view.method) === false) return false
    if (this.#notMethods?.has(view.method) === true) return false
    const { path, pathWithoutParameters: plain } = view
    const isLoose = this.#leaning === 'loose'
    if (this.#paths !== undefined && !isPath(this.#paths, path, plain, isLoose)) return false
    return this.#notPaths === undefined || !isPath(this.#notPaths, path, plain, !isLoose)
  }
}

/** @param isEither one of the two readings of the path suffices. */
function isPath(
  patterns: TextPatterns,
  path: string,
  plain: string | undefined,
  isEither: boolean,
): boolean {
  const matches = patterns.matches(path)
  if (plain === undefined || matches === isEither) return matches
  return patterns.matches(plain)
}

interface ConditionMatcher {
  matches(view: RequestView): boolean
}

function compileCondition(condition: AuthorizationCondition, leaning: Leaning): ConditionMatcher {
  const { header, claim = [] } = condition
  return header === undefined
    ? new ClaimMatcher(claim, condition, leaning)
    : new HeaderMatcher(header, condition, leaning)
}

type Values = Pick<AuthorizationCondition, 'values' | 'notValues'>

/**
 * Of a header there can be several, each a list, and applications take the first, the last or all (faults C6). A rule
 * that opens wants each of its lines to fit; one that shuts fits if any part of any line does.
 */
export class HeaderMatcher implements ConditionMatcher {
  readonly name: string
  readonly #isLoose: boolean
  readonly #values: TextPatterns | undefined
  readonly #notValues: TextPatterns | undefined

  constructor(name: string, { values, notValues }: Values, leaning: Leaning) {
    this.name = name
    this.#isLoose = leaning === 'loose'
    // HTTP/2 lets bytes beyond ASCII pass, which are read as here.
    this.#values = compilePatterns(values?.map(visiblePattern))
    this.#notValues = compilePatterns(notValues?.map(visiblePattern))
  }

  matches({ headers }: RequestView): boolean {
    if (this.#values !== undefined && !this.#hasValue(headers, this.#values, this.#isLoose))
      return false
    return (
      this.#notValues === undefined || !this.#hasValue(headers, this.#notValues, !this.#isLoose)
    )
  }

  #hasValue({ names, values }: HeaderList, patterns: TextPatterns, isAny: boolean): boolean {
    let first = names.indexOf(this.name)
    if (first < 0) return false
    if (
      isAny &&
      names.includes(this.name, first + 1) &&
      patterns.matches(this.#joined(names, values))
    )
      return true
    for (; first >= 0; first = names.indexOf(this.name, first + 1)) {
      const value = values[first] ?? ''
      const matches = patterns.matches(value) || (isAny && hasElement(value, patterns))
      if (matches === isAny) return isAny
    }
    return !isAny
  }

  /** RFC 9110 §5.3: the lines of a field are one list. */
  #joined(names: readonly string[], values: readonly string[]): string {
    return values.filter((_, index) => names[index] === this.name).join(', ')
  }
}

function hasElement(value: string, patterns: TextPatterns): boolean {
  return value.includes(',') && value.split(',').some(element => patterns.matches(element.trim()))
}

/** Of a list one element suffices. Without a verified token nothing is opened, and nothing is excepted. */
class ClaimMatcher implements ConditionMatcher {
  readonly #claim: readonly string[]
  readonly #isLoose: boolean
  readonly #values: TextPatterns | undefined
  readonly #notValues: TextPatterns | undefined

  constructor(claim: readonly string[], { values, notValues }: Values, leaning: Leaning) {
    this.#claim = claim
    this.#isLoose = leaning === 'loose'
    this.#values = compilePatterns(values)
    this.#notValues = compilePatterns(notValues)
  }

  matches({ claims }: RequestView): boolean {
    const texts = claimTexts(claims, this.#claim)
    if (texts === undefined) return this.#isLoose && this.#values === undefined
    if (this.#values !== undefined && !hasAny(texts, this.#values)) return false
    return this.#notValues === undefined || !hasAny(texts, this.#notValues)
  }
}

function hasAny(texts: readonly string[], patterns: TextPatterns): boolean {
  for (const text of texts) if (patterns.matches(text)) return true
  return false
}
