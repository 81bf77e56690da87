import type { Snapshot } from '../model/snapshot.ts'
import type { Change } from './message.ts'

const maps = ['services', 'clusters', 'endpoints'] as const

/** Sent whole. */
const sides = ['inbound', 'outbound'] as const

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
  for (const kind of sides)
    if (differ(from[kind], to[kind])) changes.push({ kind, name: '', value: to[kind] })
  return changes
}

interface KnownDelta {
  readonly from: Snapshot
  readonly changes: readonly Change[]
}

const known = new WeakMap<Snapshot, KnownDelta>()

/** As {@link diffSnapshots}, found once for a fleet that goes from one snapshot to the other together. */
export function changesBetween(from: Snapshot, to: Snapshot): readonly Change[] {
  const last = known.get(to)
  if (last?.from === from) return last.changes
  const changes = diffSnapshots(from, to)
  known.set(to, { from, changes })
  // Else each snapshot would keep the one before it alive.
  known.delete(from)
  return changes
}

/**
 * The snapshot that `changes` make of `base`, under the version that it ought to have. What came over the wire is
 * not checked here: the receiver checks the result, and its hash.
 * @throws Error for what are no changes at all.
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
  const whole: Record<(typeof sides)[number], unknown> = {
    inbound: base.inbound,
    outbound: base.outbound,
  }
  for (const { kind, name, value } of changes) {
    if (kind === 'inbound' || kind === 'outbound') whole[kind] = value
    // `__proto__` would be every object's.
    else if (!Object.hasOwn(next, kind)) throw new Error(`a change of unknown kind ${kind}`)
    else if (value === undefined) delete next[kind][name]
    else next[kind][name] = value
  }
  return { version, ...next, ...whole } as unknown as Snapshot
}

/** Without a prototype, so that no name can reach one. */
function copy(entries: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.assign(Object.create(null) as Record<string, unknown>, entries)
}

function differ(a: unknown, b: unknown): boolean {
  return a !== b && JSON.stringify(a) !== JSON.stringify(b)
}
