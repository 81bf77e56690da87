import { parseSpiffeId, type SpiffeId } from '../../identity/spiffe-id.ts'
import type { AuthorizationSource } from '../../model/policy/authorization.ts'
import { compilePatterns, TextPatterns } from './text-patterns.ts'

/** Who calls, by a certificate that was verified. */
export interface Caller extends SpiffeId {
  readonly principal: string
}

/** Undefined: nobody that policies could name. */
export function callerOf(peerIdentity: string | undefined): Caller | undefined {
  const id = peerIdentity === undefined ? undefined : parseSpiffeId(peerIdentity)
  return id && { ...id, principal: peerIdentity ?? '' }
}

/** `strict` for rules that open, `loose` for those that shut: what is not known counts against the caller. */
export type Leaning = 'strict' | 'loose'

/** One element of a rule's `from`. */
export class CallerMatcher {
  readonly #leaning: Leaning
  readonly #named: readonly CallerTest[]
  readonly #excluded: readonly CallerTest[]

  constructor(source: AuthorizationSource, leaning: Leaning) {
    this.#leaning = leaning
    this.#named = callerTests(source.principals, source.namespaces, source.serviceAccounts)
    this.#excluded = callerTests(
      source.notPrincipals,
      source.notNamespaces,
      source.notServiceAccounts,
    )
  }

  /** Who has no identity is in no list, and only a rule that shuts may say that this makes him one of "all others". */
  matches(caller: Caller | undefined): boolean {
    if (caller === undefined) return this.#leaning === 'loose' && this.#named.length === 0
    return this.#named.every(test => test(caller)) && !this.#excluded.some(test => test(caller))
  }
}

type CallerTest = (caller: Caller) => boolean

function callerTests(
  principals: readonly string[] | undefined,
  namespaces: readonly string[] | undefined,
  accounts: readonly string[] | undefined,
): CallerTest[] {
  const byPrincipal = compilePatterns(principals)
  const byNamespace = compilePatterns(namespaces)
  const byAccount = accounts?.map(text => new ServiceAccountPattern(text))
  return [
    ...(byPrincipal === undefined
      ? []
      : [({ principal }: Caller) => byPrincipal.matches(principal)]),
    ...(byNamespace === undefined
      ? []
      : [({ namespace }: Caller) => byNamespace.matches(namespace)]),
    ...(byAccount === undefined
      ? []
      : [(caller: Caller) => byAccount.some(pattern => pattern.matches(caller))]),
  ]
}

/** `<namespace>/<service account>`, whose wildcards do not reach over the slash. */
class ServiceAccountPattern {
  readonly #namespace: TextPatterns
  readonly #account: TextPatterns

  constructor(text: string) {
    const slash = text.indexOf('/')
    this.#namespace = new TextPatterns([text.slice(0, slash)])
    this.#account = new TextPatterns([text.slice(slash + 1)])
  }

  matches({ namespace, serviceAccount }: Caller): boolean {
    return this.#namespace.matches(namespace) && this.#account.matches(serviceAccount)
  }
}
