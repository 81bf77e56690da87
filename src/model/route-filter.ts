/** What a route does to requests and answers on their way; in the order of the rule. */
export type RouteFilter = HeaderFilter | RedirectFilter | RewriteFilter | MirrorFilter | CorsFilter

/** RequestHeaderModifier and ResponseHeaderModifier: removes, then sets, then adds. No name stands twice. */
export interface HeaderFilter {
  readonly kind: 'request-headers' | 'response-headers'
  readonly remove: readonly string[]
  /** Takes the place of all fields of the name. */
  readonly set: readonly HeaderField[]
  /** Goes behind the fields of the name that are there. */
  readonly add: readonly HeaderField[]
}

export interface HeaderField {
  /** Lower-case. */
  readonly name: string
  readonly value: string
}

/** RequestRedirect: answered by the caller's sidecar. What is absent stays as the request has it. */
export interface RedirectFilter {
  readonly kind: 'redirect'
  readonly status: number
  readonly scheme?: 'http' | 'https'
  readonly hostname?: string
  /** Absent: the well-known one of a scheme that is given, else that of the request. */
  readonly port?: number
  readonly path?: PathModifier
}

/** URLRewrite. */
export interface RewriteFilter {
  readonly kind: 'rewrite'
  readonly hostname?: string
  readonly path?: PathModifier
}

/** The query stays. `prefix` is that of the match of the same route, without a slash at its end. */
export type PathModifier =
  | { readonly kind: 'full'; readonly value: string }
  | { readonly kind: 'prefix'; readonly prefix: string; readonly value: string }

/** RequestMirror: a copy goes to the cluster, and nobody waits for its answer. */
export interface MirrorFilter {
  readonly kind: 'mirror'
  readonly cluster: string
  /** Share of the requests, 0–1. */
  readonly ratio: number
}

/** Cross-origin resource sharing (GEP-1767): preflights are answered by the caller's sidecar. */
export interface CorsFilter {
  readonly kind: 'cors'
  /** As browsers write them, a default port left out; `*` in a host stands for whatever is left of it, alone for all. */
  readonly allowOrigins: readonly string[]
  readonly allowCredentials: boolean
  /** `*` alone: all. */
  readonly allowMethods: readonly string[]
  readonly allowHeaders: readonly string[]
  readonly exposeHeaders: readonly string[]
  /** How long a browser may keep the answer to a preflight. */
  readonly maxAgeSeconds: number
}
