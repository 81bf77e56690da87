import type { z } from 'zod'
import {
  authorizationPolicyKind,
  type AuthorizationPolicyResource,
} from '../kinds/authorization-policy.ts'
import { fieldsOf } from '../../base/fields.ts'
import { endpointSliceKind, type EndpointSliceResource } from '../kinds/endpoint-slice.ts'
import { functionKind, type FunctionResource } from '../kinds/function/function.ts'
import { grpcRouteKind, type GrpcRouteResource } from '../kinds/grpc-route.ts'
import { httpRouteKind, type HttpRouteResource } from '../kinds/http-route.ts'
import { meshKind, type MeshResource } from '../kinds/mesh.ts'
import {
  requestAuthenticationKind,
  type RequestAuthenticationResource,
} from '../kinds/request-authentication.ts'
import { serviceKind, type ServiceResource } from '../kinds/service.ts'
import {
  backendTrafficPolicyKind,
  type BackendTrafficPolicyResource,
} from '../kinds/traffic/backend-traffic-policy.ts'
import { serviceEntryKind, type ServiceEntryResource } from '../kinds/service-entry.ts'
import { trafficPolicyKind, type TrafficPolicyResource } from '../kinds/traffic-policy.ts'
import { workloadKind, type WorkloadResource } from '../kinds/workload.ts'
import type { ConfigurationProblem } from '../problem.ts'
import type { SourceDocument } from './document.ts'
import { nearest } from './nearest.ts'
import { prune } from './prune.ts'

/** Every kind that a file may hold, by the name that its document gives. */
export const kinds = {
  Service: serviceKind,
  EndpointSlice: endpointSliceKind,
  HTTPRoute: httpRouteKind,
  GRPCRoute: grpcRouteKind,
  Mesh: meshKind,
  Workload: workloadKind,
  TrafficPolicy: trafficPolicyKind,
  XBackendTrafficPolicy: backendTrafficPolicyKind,
  ServiceEntry: serviceEntryKind,
  Function: functionKind,
  AuthorizationPolicy: authorizationPolicyKind,
  RequestAuthentication: requestAuthenticationKind,
} as const

export type Resource =
  | ServiceResource
  | EndpointSliceResource
  | HttpRouteResource
  | GrpcRouteResource
  | MeshResource
  | WorkloadResource
  | TrafficPolicyResource
  | BackendTrafficPolicyResource
  | ServiceEntryResource
  | FunctionResource
  | AuthorizationPolicyResource
  | RequestAuthenticationResource

/** A resource and the document that it came from, for problems found later. */
export interface Sourced<R extends Resource = Resource> {
  readonly resource: R
  readonly document: SourceDocument
}

type Validation = { readonly resource: Resource } | { readonly problems: ConfigurationProblem[] }

/** Keys that would reach an object's prototype when somebody merges. */
const poisonous: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])
/** Fields whose keys are labels; Kubernetes lets none begin with "_". */
const labelMaps: ReadonlySet<PropertyKey | undefined> = new Set([
  'labels',
  'annotations',
  'selector',
  'matchLabels',
])
const maxDepth = 100
/** Kinds without which something would be open. */
const guards: ReadonlySet<string | undefined> = new Set([
  'AuthorizationPolicy',
  'RequestAuthentication',
])

/** Problems of one document that are worked out; locating many thousands would take minutes. */
const maxProblems = 100

/** Checks one document by the schema of its kind. All its problems at once. */
export function validateDocument(document: SourceDocument): Validation {
  const found = schemaOf(document)
  if ('problems' in found) return found
  return check(document, found.schema, withoutStatus(document.value))
}

/**
 * The same for what an API server has taken by a schema of its own, perhaps of a newer version: fields that are not
 * known here are left out. Only of the matches of a route or a fault, and of filters, they may not be missing, for it would
 * match more, or do less, than was meant, and of policies that shut something, for they would leave it open.
 */
export function validateObject(document: SourceDocument): Validation {
  const found = schemaOf(document)
  if ('problems' in found) return found
  const { value, dropped } = prune(found.schema, document.value)
  const isGuard = guards.has(kindOf(document.value))
  const narrowing = dropped
    .filter(path => path.some(isNarrowing) || (isGuard && path[0] === 'spec'))
    .slice(0, maxProblems)
  if (narrowing.length > 0)
    return { problems: narrowing.map(path => document.problem(path, 'is not supported yet')) }
  return check(document, found.schema, value)
}

function isNarrowing(key: PropertyKey): boolean {
  return key === 'matches' || key === 'match' || key === 'filters'
}

function schemaOf(
  document: SourceDocument,
): { readonly schema: z.ZodType<Resource> } | { readonly problems: ConfigurationProblem[] } {
  const dangers = findDangers(document)
  if (dangers.length > 0) return { problems: dangers }
  const kind = kindOf(document.value)
  if (kind === undefined || !Object.hasOwn(kinds, kind))
    return { problems: [unknownKind(document, kind)] }
  return { schema: kinds[kind as keyof typeof kinds] }
}

/** A status is the cluster's word, which a dump of it has for every kind. */
function withoutStatus(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('status' in value)) return value
  const { status: _, ...rest } = value
  return rest
}

function check(document: SourceDocument, schema: z.ZodType<Resource>, value: unknown): Validation {
  const checked = schema.safeParse(value, {
    error: ({ input }) => (input === undefined ? 'is missing' : undefined),
  })
  if (checked.success) return { resource: checked.data }
  const { issues } = checked.error
  return {
    problems: issues
      .slice(0, maxProblems)
      .flatMap(issue => problemsOf(issue, schema, document))
      .slice(0, maxProblems),
  }
}

function kindOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined
  return typeof value.kind === 'string' ? value.kind : undefined
}

/** The kind of a document that is somebody else's. One of our own group has a slip in it. */
export function foreignKindOf({ value }: SourceDocument): string | undefined {
  const kind = kindOf(value)
  if (kind === undefined || Object.hasOwn(kinds, kind)) return undefined
  const { apiVersion } = fieldsOf(value)
  const isOwn = typeof apiVersion === 'string' && apiVersion.startsWith('weft.dev/')
  return isOwn ? undefined : kind
}

function unknownKind(document: SourceDocument, kind: string | undefined): ConfigurationProblem {
  if (kind === undefined)
    return document.problem([], 'a document needs apiVersion, kind, metadata and spec')
  const near = nearest(kind, Object.keys(kinds))
  const hint = near === undefined ? `one of ${Object.keys(kinds).join(', ')}` : `"${near}"`
  return document.problem(['kind'], `unknown kind ${JSON.stringify(kind)}; did you mean ${hint}?`)
}

function problemsOf(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  document: SourceDocument,
): ConfigurationProblem[] {
  const meant = issue.code === 'invalid_union' ? issuesOfMember(issue) : undefined
  if (meant !== undefined)
    return meant.flatMap(({ path, ...inner }) =>
      problemsOf(
        { ...inner, path: [...issue.path, ...path] } as z.core.$ZodIssue,
        schema,
        document,
      ),
    )
  if (issue.code !== 'unrecognized_keys') return [document.problem(issue.path, issue.message)]
  const known = knownFields(schema, issue.path)
  return issue.keys.slice(0, maxProblems).map(key => {
    const near = nearest(key, known)
    const hint = near === undefined ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`
    return document.problem([...issue.path, key], `unknown field; ${hint}`)
  })
}

/** What zod says of a union that has no message of its own. */
const noMessage = 'Invalid input'

/** Of the one member of a union that has the type of what stands there. Undefined: what it has to say, it says itself. */
function issuesOfMember({
  errors,
  message,
}: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] | undefined {
  if (message !== noMessage) return undefined
  const hasOwn = (issues: readonly z.core.$ZodIssue[], code: z.core.$ZodIssue['code']): boolean =>
    issues.some(issue => issue.path.length === 0 && issue.code === code)
  const typed = errors.filter(issues => !hasOwn(issues, 'invalid_type'))
  const [only] = typed.length > 1 ? typed.filter(issues => !hasOwn(issues, 'invalid_value')) : typed
  return only
}

interface SchemaDefinition {
  readonly type: string
  readonly shape?: Readonly<Record<string, z.ZodType>>
  readonly element?: z.ZodType
  readonly innerType?: z.ZodType
  readonly in?: z.ZodType
  /** Of a union. */
  readonly options?: readonly z.ZodType[]
}

/** The fields of the object that a path leads to. */
function knownFields(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: z.ZodType | undefined = unwrap(schema)
  for (const key of path) {
    const definition: SchemaDefinition | undefined = at && definitionOf(at)
    const next: z.ZodType | undefined =
      typeof key === 'number' ? definition?.element : definition?.shape?.[String(key)]
    at = next && unwrap(next)
  }
  return Object.keys((at && definitionOf(at).shape) ?? {})
}

function unwrap(schema: z.ZodType): z.ZodType {
  const { innerType, in: input, options } = definitionOf(schema)
  // Fields can only be missing from that member of a union which has some.
  const member = options?.find(option => definitionOf(option).shape !== undefined)
  const inner = innerType ?? input ?? member
  return inner === undefined ? schema : unwrap(inner)
}

function definitionOf(schema: z.ZodType): SchemaDefinition {
  return schema.def as unknown as SchemaDefinition
}

/** What must not even reach a schema. */
function findDangers(document: SourceDocument): ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  // What aliases repeat, perhaps without end, is looked into once.
  const seen = new Set<object>()
  const look = (value: unknown, path: readonly PropertyKey[]): void => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return
    if (seen.has(value) || problems.length === maxProblems) return
    seen.add(value)
    if (path.length > maxDepth) {
      problems.push(document.problem(path.slice(0, 1), `is nested over ${maxDepth} levels deep`))
      return
    }
    // The name of a label is nobody's field: `constructor` may stand before who built something.
    const isFree = labelMaps.has(path.at(-1))
    for (const [key, field] of Object.entries(value)) {
      const place = [...path, Array.isArray(value) ? Number(key) : key]
      if (!poisonous.has(key) || (isFree && key !== '__proto__')) look(field, place)
      else problems.push(document.problem(place, 'this key is not allowed'))
    }
  }
  look(document.value, [])
  return problems
}
