import type { z } from 'zod'

export interface Pruned {
  readonly value: unknown
  /** What was dropped, by its path. */
  readonly dropped: readonly (readonly PropertyKey[])[]
}

/** As much of a schema's definition as tells which fields there are. */
interface SchemaDefinition {
  readonly shape?: Readonly<Record<string, z.ZodType>>
  /** Of an object that takes other fields than those of its shape. */
  readonly catchall?: z.ZodType
  readonly element?: z.ZodType
  readonly valueType?: z.ZodType
  readonly innerType?: z.ZodType
  readonly in?: z.ZodType
  /** Of a union. */
  readonly options?: readonly z.ZodType[]
}

/**
 * A copy without the fields that a schema does not know, as the API server prunes objects by the schema of their kind.
 * Nothing else is checked. The value has no cycles.
 */
export function prune(schema: z.ZodType, value: unknown): Pruned {
  const dropped: (readonly PropertyKey[])[] = []
  return { value: walk(schema, value, { path: [], dropped }), dropped }
}

interface Place {
  readonly path: readonly PropertyKey[]
  readonly dropped: (readonly PropertyKey[])[]
}

function walk(schema: z.ZodType, value: unknown, place: Place): unknown {
  if (typeof value !== 'object' || value === null) return value
  const definition = schema.def as unknown as SchemaDefinition
  const { shape, element, valueType, innerType, in: input, options } = definition
  const inner = innerType ?? input
  if (inner !== undefined) return walk(inner, value, place)
  if (options !== undefined) return walkUnion(options, value, place)
  if (Array.isArray(value))
    return element === undefined
      ? value
      : value.map((each, index) => walk(element, each, below(place, index)))
  if (valueType !== undefined)
    return mapFields(value, (key, field) => walk(valueType, field, below(place, key)))
  return shape === undefined ? value : walkObject(definition, value, place)
}

function walkObject(
  { shape = {}, catchall }: SchemaDefinition,
  value: object,
  place: Place,
): unknown {
  const takesOthers = catchall !== undefined && catchall.def.type !== 'never'
  const kept = Object.entries(value).filter(([key]) => {
    if (Object.hasOwn(shape, key) || takesOthers) return true
    place.dropped.push([...place.path, key])
    return false
  })
  return mapFields(Object.fromEntries(kept), (key, field) => {
    const known = Object.hasOwn(shape, key) ? shape[key] : undefined
    return known === undefined ? field : walk(known, field, below(place, key))
  })
}

/** By the first member that takes what is left; where none does, the schema's own message says why. */
function walkUnion(options: readonly z.ZodType[], value: object, place: Place): unknown {
  for (const option of options) {
    const { value: pruned, dropped } = prune(option, value)
    if (!option.safeParse(pruned).success) continue
    for (const path of dropped) place.dropped.push([...place.path, ...path])
    return pruned
  }
  return value
}

function below({ path, dropped }: Place, key: PropertyKey): Place {
  return { path: [...path, key], dropped }
}

/** `fromEntries` defines a key `__proto__` as any other. */
function mapFields(value: object, map: (key: string, field: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, map(key, field)]))
}
