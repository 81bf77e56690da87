/** Of the field, in characters (docs.aws.amazon.com/lambda/latest/api/API_Invoke.html). */
const longestField = 3583

/**
 * The client context of an invocation, decoded, and written so that a field of a header can hold it: runtimes get it in
 * one. Null: it is none.
 */
export function readClientContext(field: string | undefined): string | null | undefined {
  if (field === undefined || field === '') return undefined
  // Runtimes break on a header that is longer than theirs may be, and on what is no object.
  if (field.length > longestField) return null
  try {
    const context: unknown = JSON.parse(Buffer.from(field, 'base64').toString('utf8'))
    if (typeof context !== 'object' || context === null || Array.isArray(context)) return null
    return JSON.stringify(context).replace(/[^ -~]/g, escaped)
  } catch {
    return null
  }
}

/** A unit of UTF-16, as JSON can write it in ASCII. */
function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
