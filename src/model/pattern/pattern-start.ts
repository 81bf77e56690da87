/**
 * Whole elements of a path with which every text begins that a regular expression for paths matches as a whole:
 * `/v1/users` of `/v1/users/[0-9]+`. Empty where that cannot be told.
 */
export function literalElements(pattern: string): string {
  if (hasAlternatives(pattern)) return ''
  const literal = /^[\w/~-]*/.exec(pattern)?.[0] ?? ''
  // What a quantifier follows may be missing.
  const certain = /^[*?{]/.test(pattern.slice(literal.length)) ? literal.slice(0, -1) : literal
  return certain.slice(0, Math.max(0, certain.lastIndexOf('/')))
}

/** Outside of groups and sets. */
function hasAlternatives(pattern: string): boolean {
  let rest = pattern.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]/gs, '.')
  for (;;) {
    const outside = rest.replaceAll(/\([^()]*\)/g, '.')
    if (outside === rest) return rest.includes('|')
    rest = outside
  }
}
