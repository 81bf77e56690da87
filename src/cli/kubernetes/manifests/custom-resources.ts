import { z } from 'zod'
import { kinds } from '../../../model/parsing/validate.ts'
import type { Manifest } from './manifest.ts'
import { clusterMetadata } from './names.ts'
import { structuralSchema, type JsonSchema, type StructuralSchema } from './structural-schema.ts'

export const customGroup = 'weft.dev'
const version = 'v1alpha1'

interface Column {
  readonly name: string
  readonly type: 'string' | 'date' | 'integer'
  readonly jsonPath: string
  readonly priority?: 1
}

interface CustomKind {
  readonly plural: string
  readonly shortNames?: readonly string[]
  readonly comment: string
  /** What `kubectl get` shows, beside name, state and age. */
  readonly columns: readonly Column[]
}

/** How the kinds of weft.dev are called in a cluster. */
const names: Readonly<Record<string, CustomKind>> = {
  Mesh: {
    plural: 'meshes',
    comment: 'Mesh: settings of the whole mesh. The one in weft-system counts.',
    columns: [text('mTLS', '.spec.mtls'), text('Trust domain', '.spec.trustDomain')],
  },
  TrafficPolicy: {
    plural: 'trafficpolicies',
    shortNames: ['tp'],
    comment: 'TrafficPolicy: how callers treat a Service (balancing, breakers, retries, limits).',
    columns: [text('Service', '.spec.targetRef.name'), text('Balancing', '.spec.loadBalancing')],
  },
  ServiceEntry: {
    plural: 'serviceentries',
    shortNames: ['se'],
    comment: 'ServiceEntry: a service beyond the mesh, and how its sidecars reach it.',
    columns: [text('Hosts', '.spec.hosts'), text('TLS', '.spec.tls.mode')],
  },
  Workload: {
    plural: 'workloads',
    comment: 'Workload: an instance of a service that is no pod.',
    columns: [text('Address', '.spec.address')],
  },
  Function: {
    plural: 'functions',
    shortNames: ['fn'],
    comment: 'Function: code that runs when somebody calls it.',
    columns: [text('Runtime', '.spec.runtime'), text('Driver', '.spec.driver')],
  },
  AuthorizationPolicy: {
    plural: 'authorizationpolicies',
    shortNames: ['wap'],
    comment: 'AuthorizationPolicy: who may call the workloads of a namespace.',
    columns: [text('Action', '.spec.action'), text('Dry run', '.spec.dryRun')],
  },
  RequestAuthentication: {
    plural: 'requestauthentications',
    shortNames: ['wra'],
    comment: 'RequestAuthentication: which tokens (JWT) of callers are believed.',
    columns: [text('Issuer', '.spec.jwtRules[*].issuer')],
  },
}

/** Plural names of the kinds of weft.dev. */
export const customResources: readonly string[] = Object.values(names).map(({ plural }) => plural)

/** CRDs of every kind of weft.dev that the model has, with the model's own schemas. */
export function customResourceDefinitions(softwareVersion: string): Manifest[] {
  return Object.entries(kinds).flatMap(([kind, schema]) => {
    const json = z.toJSONSchema(schema, { io: 'input', target: 'draft-07' }) as JsonSchema
    if (json.properties?.['apiVersion']?.const !== `${customGroup}/${version}`) return []
    const custom = names[kind]
    if (custom === undefined) throw new Error(`give ${kind} a plural name in custom-resources.ts`)
    return [
      { comment: custom.comment, object: definition(kind, custom, { json, softwareVersion }) },
    ]
  })
}

interface Source {
  readonly json: JsonSchema
  readonly softwareVersion: string
}

function definition(
  kind: string,
  { plural, shortNames, columns }: CustomKind,
  { json, softwareVersion }: Source,
): Manifest['object'] {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: clusterMetadata(softwareVersion, `${plural}.${customGroup}`),
    spec: {
      group: customGroup,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames !== undefined && { shortNames }),
        categories: ['weft'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: wholeSchema(kind, json) },
          subresources: { status: {} },
          additionalPrinterColumns: [...columns, ...commonColumns],
        },
      ],
    },
  }
}

const accepted = '.status.conditions[?(@.type=="Accepted")]'
const commonColumns: readonly Column[] = [
  text('Accepted', `${accepted}.status`),
  { ...text('Why', `${accepted}.message`), priority: 1 },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
]

function text(name: string, jsonPath: string): Column {
  return { name, type: 'string', jsonPath }
}

/**
 * Kinds that shut something. Without its misspelt `from` a rule would open to everybody: the control plane has to see such
 * a field, to be stricter instead and to say so in the status.
 */
const guards: ReadonlySet<string> = new Set(['AuthorizationPolicy', 'RequestAuthentication'])

/** The API server knows metadata itself; of it a CRD may say how names must be, and nothing else. */
function wholeSchema(kind: string, json: JsonSchema): StructuralSchema {
  const { metadata, spec } = json.properties ?? {}
  const name = metadata?.properties?.['name'] ?? {}
  return {
    type: 'object',
    ...((json['required'] as readonly string[]).includes('spec') && { required: ['spec'] }),
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object', properties: { name: structuralSchema(name) } },
      spec: structuralSchema(spec ?? {}, guards.has(kind) ? 'kept' : 'dropped'),
      status: statusSchema,
    },
  }
}

/** As metav1.Condition wants it; the control plane writes `Accepted`. */
const statusSchema: StructuralSchema = {
  type: 'object',
  description: 'Written by the control plane.',
  properties: {
    conditions: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: {
        type: 'object',
        required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
        properties: {
          type: { type: 'string', maxLength: 316 },
          status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
          observedGeneration: { type: 'integer', minimum: 0 },
          lastTransitionTime: { type: 'string', format: 'date-time' },
          reason: { type: 'string', minLength: 1, maxLength: 1024 },
          message: { type: 'string', maxLength: 32_768 },
        },
      },
    },
  },
}
