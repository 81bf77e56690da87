/** How tokens (JWT, RFC 7519) of callers are verified. One that no rule takes is refused; none at all is no fault. */
export interface RequestAuthentication {
  /** Ports of the application whose calls are looked at; where no rule is for one no token is believed. Absent: all. */
  readonly ports?: readonly number[]
  readonly rules: readonly JwtRule[]
}

export interface JwtRule {
  /** `<namespace>/<name>` of the RequestAuthentication. */
  readonly policy: string
  /** Ports of the application that it is for. Absent: all. */
  readonly ports?: readonly number[]
  /** As the claim `iss` has it. */
  readonly issuer: string
  /** One must be in the claim `aud`. Empty: any. */
  readonly audiences: readonly string[]
  /** Public keys (RFC 7517). One of `jwks` and `jwksUri` is given. */
  readonly jwks?: { readonly keys: readonly object[] }
  readonly jwksUri?: string
  /** Where the token stands, before `fromParams`; both empty: `Authorization: Bearer`. */
  readonly fromHeaders: readonly TokenHeader[]
  /** Names of parameters of the query. */
  readonly fromParams: readonly string[]
  /** Whether the application gets the token too. */
  readonly forward: boolean
  readonly outputClaimToHeaders: readonly ClaimHeader[]
}

export interface TokenHeader {
  /** Lower-case. */
  readonly name: string
  /** Before the token, such as `Bearer `. */
  readonly prefix: string
}

/** A header by which the application is told a claim. */
interface ClaimHeader {
  /** Lower-case. */
  readonly header: string
  readonly claim: readonly string[]
}
