// Kubernetes takes a part of OpenAPI only ("Specifying a structural schema"): this makes it of what zod says of a kind.

/** JSON Schema, draft 7, as zod writes it. */
export interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  readonly $ref?: string
  readonly [keyword: string]: unknown
}

export type StructuralSchema = Readonly<Record<string, unknown>>

type UnknownFields = 'dropped' | 'kept'

/** Kept as they are. */
const validations = [
  'type',
  'format',
  'pattern',
  'enum',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'required',
] as const
/** Read here, or of no use to the API server. */
const known: ReadonlySet<string> = new Set([
  ...validations,
  'description',
  'default',
  'const',
  'properties',
  'additionalProperties',
  'items',
  'anyOf',
  'allOf',
  '$ref',
  'examples',
  'propertyNames',
])

/**
 * Unknown fields are not allowed in it by their absence: the API server refuses them when asked for strict validation, as
 * kubectl does, and else drops them. Where they are `kept` it does neither, and whoever reads the object sees them. Defaults are told and not set: one that is stored would outlive its meaning.
 * @throws Error at a keyword that nothing is known of here, so that no check is lost unseen.
 */
export function structuralSchema(
  schema: JsonSchema,
  unknownFields: UnknownFields = 'dropped',
): StructuralSchema {
  const unknown = Object.keys(schema).find(keyword => !known.has(keyword))
  if (unknown !== undefined) throw new Error(`cannot say "${unknown}" to the API server`)
  const description = describe(schema)
  const told = description === '' ? {} : { description }
  if (schema.anyOf !== undefined) return { ...told, ...union(schema.anyOf) }
  if (schema.$ref !== undefined || schema.allOf !== undefined || schema.type === undefined)
    return { ...told, ...anything }
  return { ...told, ...checks(schema), ...parts(schema, unknownFields) }
}

/** Checked by the control plane, which says in the status what is wrong. */
const anything = { 'x-kubernetes-preserve-unknown-fields': true } as const

/** Within `anyOf` no types are allowed, so that all must be of one. */
function union(alternatives: readonly JsonSchema[]): StructuralSchema {
  const [first] = alternatives
  const type = first?.type
  if (type !== 'string' || alternatives.some(other => other.type !== type)) return anything
  const anyOf = alternatives.map(alternative => {
    const { type: _, ...rest } = checks(alternative)
    return rest
  })
  const isAny = anyOf.some(rest => Object.keys(rest).length === 0)
  return { type, ...(!isAny && { anyOf }) }
}

function checks(schema: JsonSchema): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const keyword of validations) {
    const value = schema[keyword]
    // What an integer of JavaScript can be is no limit for people.
    if (value !== undefined && value !== Number.MAX_SAFE_INTEGER) kept[keyword] = value
  }
  if (schema.const !== undefined) kept['enum'] = [schema.const]
  return kept
}

function parts(
  { properties, additionalProperties, items }: JsonSchema,
  unknownFields: UnknownFields,
): StructuralSchema {
  const inner = (schema: JsonSchema) => structuralSchema(schema, unknownFields)
  if (items !== undefined) return { items: inner(items) }
  if (properties !== undefined)
    return {
      ...(unknownFields === 'kept' && anything),
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, property]) => [name, inner(property)]),
      ),
    }
  if (typeof additionalProperties === 'object')
    return { additionalProperties: inner(additionalProperties) }
  return {}
}

function describe({ description = '', default: initial }: JsonSchema): string {
  // Of a list or an object the fields say it.
  if (initial === undefined || typeof initial === 'object') return description
  return `${description} Default: ${JSON.stringify(initial)}.`.trim()
}
