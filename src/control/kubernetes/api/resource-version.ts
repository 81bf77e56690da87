const decimal = /^(0|[1-9][0-9]*)$/

/**
 * Whether `version` is from before `other`. Versions of one kind can be compared as numbers without a bound
 * (Kubernetes API concepts, "Resource versions"); what is no such number is older than nothing.
 */
export function isOlderVersion(version: string, other: string): boolean {
  if (!decimal.test(version) || !decimal.test(other)) return false
  if (version.length !== other.length) return version.length < other.length
  return version < other
}
