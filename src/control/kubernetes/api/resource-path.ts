/** What a path of the API names, in the words of RBAC. */
export interface ResourcePath {
  /** '' for the core group. */
  readonly group: string
  /** With the subresource, if any: `deployments/scale`. */
  readonly resource: string
  readonly namespace: string | undefined
  /** Undefined: the whole collection. */
  readonly name: string | undefined
}

/** Of namespaces; for all others what follows their name is a resource in them. */
const subresourcesOfNamespaces = new Set(['status', 'finalize'])

/** Undefined: it names no resource (`/version`). Kubernetes API concepts, "Resource URIs". */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const [root, ...segments] = path.replace(/\?.*$/, '').split('/').slice(1)
  if (root !== 'api' && root !== 'apis') return undefined
  const group = root === 'apis' ? (segments.shift() ?? '') : ''
  // The version.
  segments.shift()
  const inNamespace =
    segments[0] === 'namespaces' &&
    segments.length > 2 &&
    !subresourcesOfNamespaces.has(segments[2] ?? '')
  const namespace = inNamespace ? segments[1] : undefined
  const [resource, name, subresource] = inNamespace ? segments.slice(2) : segments
  if (resource === undefined) return undefined
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`
  return { group, resource: whole, namespace, name }
}

/** Whether it names all of a kind. */
export function isOfCollection(path: string): boolean {
  const resource = parseResourcePath(path)
  return resource !== undefined && resource.name === undefined
}

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** The verb that a role has to allow (Kubernetes, "Authorization: determine the request verb"). */
export function verbOf(method: string, path: string): string {
  const verb = verbs[method]
  if (verb !== undefined) return verb
  if (!isOfCollection(path)) return 'get'
  return /[?&]watch=(true|1)(&|$)/.test(path) ? 'watch' : 'list'
}

/** What a role has to allow, for people: `the verb list on services (API group "")`. */
export function permissionFor(method: string, path: string): string {
  const verb = verbOf(method, path)
  const resource = parseResourcePath(path)
  if (resource === undefined) return `the verb ${verb} on the URL ${path.replace(/\?.*$/, '')}`
  const where = resource.namespace === undefined ? '' : ` in namespace ${resource.namespace}`
  return `the verb ${verb} on ${resource.resource} (API group "${resource.group}")${where}`
}
