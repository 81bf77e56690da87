import type { Resource, Sourced } from '../validate.ts'

type OfKind<K extends Resource['kind']> = Sourced<Extract<Resource, { kind: K }>>

/** The documents of one kind. */
export function ofKind<K extends Resource['kind']>(
  sources: readonly Sourced[],
  kind: K,
): OfKind<K>[] {
  return sources.filter((source): source is OfKind<K> => source.resource.kind === kind)
}

/** `HTTPRoute orders (mesh.yaml:12)`. */
export function titleOf({ resource, document }: Sourced): string {
  const { line } = document.locate(['metadata', 'name'])
  return `${resource.kind} ${resource.metadata.name} (${document.file}:${line})`
}
