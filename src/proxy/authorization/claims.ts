/** What a verified token says (RFC 7519 §4). */
export type Claims = Readonly<Record<string, unknown>>

/** Claims that are one text with blanks in between (RFC 8693 §4.2). */
const spaceDelimited: ReadonlySet<string | undefined> = new Set(['scope', 'scp'])

/** The texts of a claim: each element of a list; undefined where the token has none. Objects are no texts. */
export function claimTexts(
  claims: Claims | undefined,
  names: readonly string[],
): readonly string[] | undefined {
  let value: unknown = claims
  for (const name of names) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Claims)[name]
  }
  if (typeof value === 'string' && names.length === 1 && spaceDelimited.has(names[0]))
    return value.split(' ')
  const texts = (Array.isArray(value) ? value : [value]).filter(isScalar).map(String)
  return texts.length === 0 ? undefined : texts
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}
