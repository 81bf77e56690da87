import type { Test } from 'tap'
import type { z } from 'zod'

/** Where in a document what shall stand (undefined: nothing), what is said of it, and of which place if not that one. */
type Fault = readonly [path: string, value: unknown, message: RegExp, at?: string]

/** A copy of a document with one value changed, at `spec.ports.0.port`; what is missing on the way is made. */
function changed(document: object, path: string, value: unknown): object {
  const [key = '', ...rest] = path.split('.')
  const copy = (Array.isArray(document) ? [...document] : { ...document }) as Record<
    string,
    unknown
  >
  const absent = /^\d/.test(rest[0] ?? '') ? [] : {}
  if (rest.length > 0) copy[key] = changed(Object(copy[key] ?? absent), rest.join('.'), value)
  else if (value === undefined) delete copy[key]
  else copy[key] = value
  return copy
}

/** Each change, and no other, is refused where it was made. */
export function checkFaults(t: Test, schema: z.ZodType, document: object, faults: Fault[]): void {
  t.equal(schema.safeParse(document).error, undefined)
  for (const [path, value, message, at = path] of faults) {
    const { issues = [] } = schema.safeParse(changed(document, path, value)).error ?? {}
    const [issue, ...others] = issues
    const name = `${path}: ${JSON.stringify(value)}`
    t.equal(issue?.path.join('.'), at, name)
    t.match(issue?.message, message, name)
    t.same(others, [], name)
  }
}

/** Each change is taken. */
export function checkTaken(
  t: Test,
  schema: z.ZodType,
  document: object,
  changes: readonly (readonly [path: string, value: unknown])[],
): void {
  for (const [path, value] of changes)
    t.equal(
      schema.safeParse(changed(document, path, value)).error?.message,
      undefined,
      `${path}: ${JSON.stringify(value)}`,
    )
}
