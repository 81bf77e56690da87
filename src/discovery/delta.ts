import type { Snapshot } from '../model/snapshot.ts'
import type { Change } from './message.ts'

const maps = ['services', 'clusters', 'endpoints'] as const

/** What makes `to` of `from`. */
export function diffSnapshots(from: Snapshot, to: Snapshot): Change[] {
  const changes: Change[] = []
  for (const kind of maps) {
    for (const [name, value] of Object.entries(to[kind]))
      if (!Object.hasOwn(from[kind], name) || differ(from[kind][name], value))
        changes.push({ kind, name, value })
    for (const name of Object.keys(from[kind]))
      if (!Object.hasOwn(to[kind], name)) changes.push({ kind, name })
  }
  if (differ(from.inbound, to.inbound))
    changes.push({ kind: 'inbound', name: '', value: to.inbound })
  return changes
}

/**
 * The snapshot that `changes` make of `base`, under the version that it ought to have. What came over the wire is
 * not checked here: the receiver checks the result, and its hash.
 */
export function applyChanges(
  base: Snapshot,
  changes: readonly Change[],
  version: string,
): Snapshot {
  const next: Record<(typeof maps)[number], Record<string, unknown>> = {
    services: copy(base.services),
    clusters: copy(base.clusters),
    endpoints: copy(base.endpoints),
  }
  let inbound: unknown = base.inbound
  for (const { kind, name, value } of changes) {
    if (kind === 'inbound') inbound = value
    else if (value === undefined) delete next[kind][name]
    else next[kind][name] = value
  }
  return { version, ...next, inbound } as unknown as Snapshot
}

/** Without a prototype, so that no name can reach one. */
function copy(entries: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.assign(Object.create(null) as Record<string, unknown>, entries)
}

function differ(a: unknown, b: unknown): boolean {
  return a !== b && JSON.stringify(a) !== JSON.stringify(b)
}
