import { fieldsOf } from '../../../base/fields.ts'

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** These fields and no others, as far as they are there. */
export function pick(value: unknown, names: readonly string[]): Record<string, unknown> {
  const fields = fieldsOf(value)
  const found = names.filter(
    name => Object.hasOwn(fields, name) && fields[name] !== undefined && fields[name] !== null,
  )
  return Object.fromEntries(found.map(name => [name, fields[name]]))
}
