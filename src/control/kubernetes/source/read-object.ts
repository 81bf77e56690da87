import { fieldsOf } from '../../../base/fields.ts'
import {
  serviceNameLabel,
  type EndpointSliceResource,
} from '../../../model/kinds/endpoint-slice.ts'
import type { GrpcRouteResource } from '../../../model/kinds/grpc-route.ts'
import type { HttpRouteResource } from '../../../model/kinds/http-route.ts'
import type { ServiceResource } from '../../../model/kinds/service.ts'
import { objectDocument } from '../../../model/parsing/object-document.ts'
import { validateObject, type Resource } from '../../../model/parsing/validate.ts'
import { keyOf, type KubernetesObject } from '../api/kubernetes-object.ts'
import { hasOwnEntry } from '../status/parent-statuses.ts'
import type { ParentReference, StatusTarget } from '../status/status-target.ts'
import { listOf, pick } from '../status/fields.ts'
import type { WatchedObject } from './watched-object.ts'

/** A kind of the cluster's API, as lists of it leave out of their items. */
export interface ApiKind<K extends Resource['kind'] = Resource['kind']> {
  readonly apiVersion: string
  readonly kind: K
  /** `httproutes`. */
  readonly plural: string
}

export function readService(
  api: ApiKind,
  object: KubernetesObject,
): WatchedObject<ServiceResource> {
  const { spec } = fieldsOf(object)
  const ports = listOf(fieldsOf(spec)['ports']).map(port =>
    pick(port, ['name', 'protocol', 'appProtocol', 'port', 'targetPort']),
  )
  const kept = pick(spec, ['selector', 'type', 'clusterIP', 'clusterIPs', 'ipFamilies'])
  return validated(api, object, { metadata: [], fields: { spec: { ...kept, ports } } })
}

/** Those of no Service are nobody's endpoints. */
export function readSlice(
  api: ApiKind,
  object: KubernetesObject,
): WatchedObject<EndpointSliceResource> | undefined {
  if (object.metadata.labels?.[serviceNameLabel] === undefined) return undefined
  const { addressType, endpoints, ports } = fieldsOf(object)
  return validated(api, object, {
    metadata: [serviceNameLabel],
    fields: {
      addressType,
      endpoints: listOf(endpoints).map(readEndpoint),
      ports: listOf(ports).map(port => pick(port, ['name', 'protocol', 'port'])),
    },
  })
}

function readEndpoint(endpoint: unknown): object {
  const { targetRef } = fieldsOf(endpoint)
  return {
    ...pick(endpoint, ['addresses', 'conditions', 'zone']),
    ...(targetRef !== undefined && { targetRef: pick(targetRef, ['kind', 'namespace', 'name']) }),
  }
}

/** Undefined: it is for Gateways only, which are somebody else's. */
export function readRoute<R extends HttpRouteResource | GrpcRouteResource>(
  api: ApiKind,
  object: KubernetesObject,
): WatchedObject<R> | undefined {
  const { spec, status } = fieldsOf(object)
  const { parentRefs, rules } = fieldsOf(spec)
  const references = listOf(parentRefs).filter(isServiceReference)
  const target = {
    ...targetOf(api, object, { parents: fieldsOf(status)['parents'] }),
    parentRefs: references,
  }
  if (references.length === 0)
    return hasOwnEntry(target.status) ? withoutParents(target) : undefined
  // GEP-1294: nothing is to be inferred from hostnames. They may be for a Gateway that is a parent too.
  const parents = references.map(reference => ({ ...reference, group: '' }))
  const read = validated<R>(api, object, {
    metadata: [],
    fields: { spec: { parentRefs: parents, ...(rules !== undefined && { rules }) } },
  })
  return { ...read, target }
}

/** It was for a Service once, and what was said of it then still stands there. */
function withoutParents(target: StatusTarget): WatchedObject<never> {
  return { title: target.title, createdAt: '', resource: undefined, problems: [], target }
}

/** Its group is empty. Where it is left out the API server writes that of Gateways, which has no Services. */
function isServiceReference(reference: unknown): reference is ParentReference {
  const { group = '', kind, name } = fieldsOf(reference)
  const isCore = group === '' || group === 'core' || group === 'gateway.networking.k8s.io'
  return isCore && kind === 'Service' && typeof name === 'string'
}

/** Of weft.dev. */
export function readOwn<R extends Resource>(
  api: ApiKind,
  object: KubernetesObject,
): WatchedObject<R> {
  const { spec, status } = fieldsOf(object)
  const read = validated<R>(api, object, {
    metadata: Object.keys(object.metadata.labels ?? {}),
    fields: spec === undefined ? {} : { spec },
  })
  return {
    ...read,
    target: targetOf(api, object, { conditions: fieldsOf(status)['conditions'] }),
  }
}

/** Of an experimental kind of others, whose status has another form, and which nobody may write. */
export function readSilently<R extends Resource>(
  api: ApiKind,
  object: KubernetesObject,
): WatchedObject<R> {
  const { target: _, ...read } = readOwn<R>(api, object)
  return read
}

interface Trimmed {
  /** Labels that somebody looks at. */
  readonly metadata: readonly string[]
  readonly fields: object
}

function validated<R extends Resource>(
  { apiVersion, kind }: ApiKind,
  object: KubernetesObject,
  { metadata: labels, fields }: Trimmed,
): WatchedObject<R> {
  const { metadata } = object
  const title = `${kind} ${keyOf(object)}`
  const kept = {
    ...pick(metadata, ['name', 'namespace', 'creationTimestamp']),
    ...(labels.length > 0 && { labels: pick(metadata.labels, labels) }),
  }
  const document = objectDocument(title, { apiVersion, kind, metadata: kept, ...fields })
  const validation = validateObject(document)
  return {
    title,
    ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
    createdAt: metadata.creationTimestamp ?? '',
    // The document has the kind that was asked for.
    resource: 'resource' in validation ? (validation.resource as R) : undefined,
    problems: 'resource' in validation ? [] : validation.problems,
  }
}

function targetOf(
  { apiVersion, kind, plural }: ApiKind,
  object: KubernetesObject,
  status: StatusTarget['status'],
): StatusTarget {
  const { namespace, name, generation = 0, resourceVersion = '' } = object.metadata
  const parts = namespace === undefined ? [plural, name] : ['namespaces', namespace, plural, name]
  return {
    title: `${kind} ${keyOf(object)}`,
    path: `/apis/${apiVersion}/${parts.map(encodeURIComponent).join('/')}`,
    generation,
    resourceVersion,
    status,
  }
}
