/** As the API server has them: everything is optional but the name. */
export interface FakeObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: FakeMetadata
  readonly spec?: unknown
  readonly status?: unknown
  readonly [field: string]: unknown
}

interface FakeMetadata {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string | undefined
  readonly generation?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

export interface FakePath {
  readonly group: string
  /** `v1`, `discovery.k8s.io/v1`. */
  readonly apiVersion: string
  readonly resource: string
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly subresource: string | undefined
}

/** `/apis/apps/v1/namespaces/shop/deployments/orders/scale`. */
export function parsePath(path: string): FakePath | undefined {
  const match =
    /^\/(?:api\/(?<core>v1)|apis\/(?<group>[^/]+)\/(?<version>[^/]+))(?:\/namespaces\/(?<namespace>[^/]+)(?=\/(?!status$|finalize$)))?\/(?<resource>[^/]+)(?:\/(?<name>[^/]+))?(?:\/(?<subresource>[^/]+))?$/.exec(
      path,
    )
  const { core, group = '', version, namespace, resource, name, subresource } = match?.groups ?? {}
  if (resource === undefined) return undefined
  const apiVersion = core ?? `${group}/${version}`
  return { group, apiVersion, resource, namespace, name, subresource }
}

/** Of a collection, wherever it is asked for. */
export function collectionKey({ group, resource }: FakePath): string {
  return `${resource}.${group}`
}

export function objectKey({ metadata: { namespace = '', name } }: FakeObject): string {
  return `${namespace}/${name}`
}

export type Matches = (object: FakeObject) => boolean

/** What of a collection is asked for: equality and existence of labels, equality of two fields. */
export function matcher(path: FakePath, query: URLSearchParams): Matches {
  const labels = terms(query.get('labelSelector'))
  const fields = terms(query.get('fieldSelector'))
  return object => {
    const { namespace = '', name, labels: own = {} } = object.metadata
    if (path.namespace !== undefined && path.namespace !== namespace) return false
    const fieldsOfObject: Readonly<Record<string, string>> = {
      'metadata.name': name,
      'metadata.namespace': namespace,
    }
    return labels.every(holdsFor(own)) && fields.every(holdsFor(fieldsOfObject))
  }
}

type Term = readonly [key: string, sign: '=' | '!=' | 'in', value: string]

function terms(selector: string | null): readonly Term[] {
  if (selector === null || selector === '') return []
  return selector.split(',').map((term): Term => {
    const [, key = '', sign, value = ''] = /^([^=!]+)(=|==|!=)(.*)$/.exec(term) ?? []
    if (sign === undefined) return [term, 'in', '']
    return [key, sign === '!=' ? '!=' : '=', value]
  })
}

function holdsFor(values: Readonly<Record<string, string>>): (term: Term) => boolean {
  return ([key, sign, value]) => {
    if (sign === 'in') return key.startsWith('!') ? !(key.slice(1) in values) : key in values
    return (values[key] === value) === (sign === '=')
  }
}

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const merged: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch))
    if (value === null) delete merged[key]
    else merged[key] = mergePatch(merged[key], value)
  return merged
}
