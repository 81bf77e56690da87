import type { PathModifier } from '../../../model/route-filter.ts'

/**
 * A request path, with its query, as HTTPPathModifier of Gateway API changes it. The prefix was matched, so the path has
 * it; `*` of OPTIONS is no path and stays.
 */
export function modifyPath(target: string, modifier: PathModifier): string {
  if (!target.startsWith('/')) return target
  const mark = target.indexOf('?')
  const end = mark < 0 ? target.length : mark
  if (modifier.kind === 'full') return modifier.value + target.slice(end)
  const changed = modifier.value + target.slice(modifier.prefix.length, end)
  return (changed === '' ? '/' : changed) + target.slice(end)
}
