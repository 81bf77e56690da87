/** Whether an Origin, as a browser writes it, is one of those that are allowed. */
export type OriginTest = (origin: string) => boolean

/**
 * Compiles `allowOrigins` of Gateway API once per snapshot. An asterisk stands for one character or more, dots too, to
 * the left of what follows it. Without regular expressions: an origin is whatever a caller sends.
 */
export function compileOrigins(origins: readonly string[]): OriginTest {
  if (origins.includes('*')) return () => true
  const exact = new Set(origins.filter(origin => !origin.includes('*')))
  const wildcards = origins.filter(origin => origin.includes('*')).map(splitWildcard)
  return origin => exact.has(origin) || wildcards.some(parts => fits(origin, parts))
}

interface Wildcard {
  /** `https://` */
  readonly start: string
  /** `.example`, `.example:8443`, or empty for every host, with a port or not as given. */
  readonly end: string
}

function splitWildcard(origin: string): Wildcard {
  const star = origin.indexOf('*')
  return { start: origin.slice(0, star), end: origin.slice(star + 1) }
}

function fits(origin: string, { start, end }: Wildcard): boolean {
  if (origin.length <= start.length + end.length) return false
  if (!origin.startsWith(start) || !origin.endsWith(end)) return false
  // What the asterisk stands for is of a host: a port would make it another origin.
  return !origin.slice(start.length, origin.length - end.length).includes(':')
}
