/** As Istio has them: a `deny` that fits refuses; then, where there is an `allow` at all, one has to fit. */
export const authorizationActions = ['allow', 'deny', 'audit'] as const

export type AuthorizationAction = (typeof authorizationActions)[number]

/** Who may call the application. Names and wildcards are compared as text, never as regular expressions. */
export interface AuthorizationPolicy {
  /** `<namespace>/<name>`, for logs and metrics. */
  readonly name: string
  readonly action: AuthorizationAction
  /** Only counted and logged. Absent: it holds. */
  readonly dryRun?: true
  /** Ports of the application that it is for. Absent: all. */
  readonly ports?: readonly number[]
  /** One of them suffices; an `allow` without any fits no request. */
  readonly rules: readonly AuthorizationRule[]
}

/** All that is given must hold; of each list one element suffices. Without anything it fits every request. */
export interface AuthorizationRule {
  readonly from?: readonly AuthorizationSource[]
  readonly to?: readonly AuthorizationOperation[]
  readonly when?: readonly AuthorizationCondition[]
}

/** Of a caller's certificate. Who has shown none is in no list. */
export interface AuthorizationSource {
  /** Whole SPIFFE IDs, with wildcards. */
  readonly principals?: readonly string[]
  readonly notPrincipals?: readonly string[]
  /** With wildcards. */
  readonly namespaces?: readonly string[]
  readonly notNamespaces?: readonly string[]
  /** `<namespace>/<service account>`, each of both with wildcards of its own. */
  readonly serviceAccounts?: readonly string[]
  readonly notServiceAccounts?: readonly string[]
}

export interface AuthorizationOperation {
  /** Upper-case. */
  readonly methods?: readonly string[]
  readonly notMethods?: readonly string[]
  /** As the application sees them, decoded, with wildcards. */
  readonly paths?: readonly string[]
  readonly notPaths?: readonly string[]
  /** Of the application. */
  readonly ports?: readonly number[]
  readonly notPorts?: readonly number[]
}

/** At least one of `values` and `notValues` is given. */
export interface AuthorizationCondition {
  /** Lower-case. */
  readonly header?: string
  /** Of a verified token: the names that lead there, one for each level. */
  readonly claim?: readonly string[]
  readonly values?: readonly string[]
  readonly notValues?: readonly string[]
}
