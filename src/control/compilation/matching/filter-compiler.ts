import type { Cors } from '../../../model/kinds/routes/cors.ts'
import type { Filter, PathModifier } from '../../../model/kinds/routes/filter.ts'
import type { HeaderModifier } from '../../../model/kinds/routes/header-modifier.ts'
import type { Route, RouteMatch } from '../../../model/route.ts'
import type * as model from '../../../model/route-filter.ts'
import type { BackendReference } from './backend-index.ts'

export interface FilterContext {
  /** Of the route, for references that name none. */
  readonly namespace: string
  /** Name of the cluster that a reference leads to; undefined: there is none. */
  readonly clusterOf: (backend: BackendReference) => string | undefined
  /** Of the match that the filters are compiled for; undefined: it asks for no path. */
  readonly path: RouteMatch['path'] | undefined
}

/** What a sidecar is told of the filters of a rule, or of one of its backends; undefined: there are none. */
export function compileFilters(
  filters: readonly Filter[],
  context: FilterContext,
): readonly model.RouteFilter[] | undefined {
  const compiled = filters.flatMap(filter => compileFilter(filter, context) ?? [])
  return compiled.length === 0 ? undefined : compiled
}

/** Where requests of a route go, and copies of them. */
export function clustersOf({ backends, filters = [] }: Route): string[] {
  const mirrors = [...filters, ...backends.flatMap(backend => backend.filters ?? [])]
  return [
    ...backends.map(({ cluster }) => cluster),
    ...mirrors.flatMap(filter => (filter.kind === 'mirror' ? filter.cluster : [])),
  ]
}

/** Undefined: a mirror that leads nowhere, which the route's status tells of. */
function compileFilter(filter: Filter, context: FilterContext): model.RouteFilter | undefined {
  const { requestHeaderModifier, responseHeaderModifier, requestMirror } = filter
  const { requestRedirect, urlRewrite, cors } = filter
  if (requestHeaderModifier !== undefined)
    return compileHeaders('request-headers', requestHeaderModifier)
  if (responseHeaderModifier !== undefined)
    return compileHeaders('response-headers', responseHeaderModifier)
  if (requestMirror !== undefined) return compileMirror(requestMirror, context)
  if (requestRedirect !== undefined) return compileRedirect(requestRedirect, context)
  if (urlRewrite !== undefined) return { kind: 'rewrite', ...compileTarget(urlRewrite, context) }
  return cors && compileCors(cors)
}

function compileHeaders(
  kind: model.HeaderFilter['kind'],
  { remove, set, add }: HeaderModifier,
): model.HeaderFilter {
  const lower = (field: model.HeaderField): model.HeaderField => ({
    name: field.name.toLowerCase(),
    value: field.value,
  })
  return {
    kind,
    remove: remove.map(name => name.toLowerCase()),
    set: set.map(lower),
    add: add.map(lower),
  }
}

function compileMirror(
  { backendRef, percent, fraction }: NonNullable<Filter['requestMirror']>,
  { namespace, clusterOf }: FilterContext,
): model.MirrorFilter | undefined {
  const cluster = clusterOf({ ...backendRef, namespace: backendRef.namespace ?? namespace })
  if (cluster === undefined) return undefined
  const ratio =
    fraction === undefined ? (percent ?? 100) / 100 : fraction.numerator / fraction.denominator
  return { kind: 'mirror', cluster, ratio }
}

function compileRedirect(
  redirect: NonNullable<Filter['requestRedirect']>,
  context: FilterContext,
): model.RedirectFilter {
  const { statusCode: status, scheme, port } = redirect
  return {
    kind: 'redirect',
    status,
    ...(scheme !== undefined && { scheme }),
    ...(port !== undefined && { port }),
    ...compileTarget(redirect, context),
  }
}

interface Target {
  readonly hostname?: string | undefined
  readonly path?: PathModifier | undefined
}

function compileTarget(
  { hostname, path }: Target,
  context: FilterContext,
): Pick<model.RewriteFilter, 'hostname' | 'path'> {
  return {
    ...(hostname !== undefined && { hostname }),
    ...(path !== undefined && { path: compilePath(path, context) }),
  }
}

/** Without a path a match is for the prefix "/"; the slash at the end of a prefix means nothing. */
function compilePath(
  { replaceFullPath, replacePrefixMatch = '' }: PathModifier,
  { path }: FilterContext,
): model.PathModifier {
  if (replaceFullPath !== undefined) return { kind: 'full', value: replaceFullPath }
  const prefix = (path?.value ?? '/').replace(/\/$/, '')
  return { kind: 'prefix', prefix, value: replacePrefixMatch.replace(/\/$/, '') }
}

function compileCors(cors: Cors): model.CorsFilter {
  const { allowOrigins, allowCredentials, allowMethods, maxAge } = cors
  return {
    kind: 'cors',
    allowOrigins: allowOrigins.map(serializeOrigin),
    allowCredentials,
    allowMethods,
    allowHeaders: cors.allowHeaders.map(name => name.toLowerCase()),
    exposeHeaders: cors.exposeHeaders.map(name => name.toLowerCase()),
    maxAgeSeconds: maxAge,
  }
}

/** As a browser writes it (RFC 6454 §6.2): lower-case, without the default port of the scheme. */
function serializeOrigin(origin: string): string {
  const lower = origin.toLowerCase()
  return lower.replace(lower.startsWith('https:') ? /:443$/ : /:80$/, '')
}
