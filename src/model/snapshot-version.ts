import { createHash } from 'node:crypto'
import type { Snapshot } from './snapshot.ts'

/** Hash of a snapshot's content, independent of the order of keys: the same content has the same version. */
export function snapshotVersion(content: Omit<Snapshot, 'version'>): string {
  const { services, clusters, endpoints, inbound, outbound } = content
  const text = canonical({ services, clusters, endpoints, inbound, outbound })
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`
}
