import type { z } from 'zod'
import type { SourceDocument } from './document.ts'
import { endpointSliceKind, type EndpointSliceResource } from './kinds/endpoint-slice.ts'
import { httpRouteKind, type HttpRouteResource } from './kinds/http-route.ts'
import { meshKind, type MeshResource } from './kinds/mesh.ts'
import { serviceKind, type ServiceResource } from './kinds/service.ts'
import { trafficPolicyKind, type TrafficPolicyResource } from './kinds/traffic-policy.ts'
import { workloadKind, type WorkloadResource } from './kinds/workload.ts'
import { nearest } from './nearest.ts'
import type { ConfigurationProblem } from './problem.ts'

/** Every kind that a file may hold, by the name that its document gives. */
export const kinds = {
  Service: serviceKind,
  EndpointSlice: endpointSliceKind,
  HTTPRoute: httpRouteKind,
  Mesh: meshKind,
  Workload: workloadKind,
  TrafficPolicy: trafficPolicyKind,
} as const

export type Resource =
  | ServiceResource
  | EndpointSliceResource
  | HttpRouteResource
  | MeshResource
  | WorkloadResource
  | TrafficPolicyResource

/** A resource and the document that it came from, for problems found later. */
export interface Sourced<R extends Resource = Resource> {
  readonly resource: R
  readonly document: SourceDocument
}

type Validation = { readonly resource: Resource } | { readonly problems: ConfigurationProblem[] }

/** Keys that would reach an object's prototype when somebody merges (faults E9). */
const poisonous: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Checks one document by the schema of its kind. All its problems at once. */
export function validateDocument(document: SourceDocument): Validation {
  const poisoned = findPoison(document.value)
  if (poisoned !== undefined)
    return { problems: [document.problem(poisoned, 'this key is not allowed')] }
  const kind = kindOf(document.value)
  if (kind === undefined || !Object.hasOwn(kinds, kind))
    return { problems: [unknownKind(document, kind)] }
  const schema: z.ZodType<Resource> = kinds[kind as keyof typeof kinds]
  const checked = schema.safeParse(document.value)
  if (checked.success) return { resource: checked.data }
  return { problems: checked.error.issues.flatMap(issue => problemsOf(issue, schema, document)) }
}

function kindOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return undefined
  return typeof value.kind === 'string' ? value.kind : undefined
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
  if (issue.code === 'unrecognized_keys') {
    const known = knownFields(schema, issue.path)
    return issue.keys.map(key => {
      const near = nearest(key, known)
      const hint =
        near === undefined ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`
      return document.problem([...issue.path, key], `unknown field; ${hint}`)
    })
  }
  return [document.problem(issue.path, issue.message)]
}

interface SchemaDefinition {
  readonly type: string
  readonly shape?: Readonly<Record<string, z.ZodType>>
  readonly element?: z.ZodType
  readonly innerType?: z.ZodType
  readonly in?: z.ZodType
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
  const { innerType, in: input } = definitionOf(schema)
  const inner = innerType ?? input
  return inner === undefined ? schema : unwrap(inner)
}

function definitionOf(schema: z.ZodType): SchemaDefinition {
  return schema.def as unknown as SchemaDefinition
}

function findPoison(value: unknown): PropertyKey[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  for (const key of Object.keys(value)) {
    const step = Array.isArray(value) ? Number(key) : key
    if (poisonous.has(key)) return [step]
    const deeper = findPoison((value as Record<string, unknown>)[key])
    if (deeper !== undefined) return [step, ...deeper]
  }
  return undefined
}
