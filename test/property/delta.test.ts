import fc from 'fast-check'
import t from 'tap'
import { applyChanges, diffSnapshots } from '../../src/discovery/delta.ts'
import type { Change } from '../../src/discovery/message.ts'
import { snapshotVersion } from '../../src/model/snapshot-version.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'

/** Few names, so that snapshots share some; those of Object's own properties among them. */
const name = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'toString', '0')
const resource = fc.jsonValue({ maxDepth: 1 })
/** Without a prototype, or `__proto__` would be no name. */
const resources = fc
  .array(fc.tuple(name, resource), { maxLength: 5 })
  .map(list => Object.fromEntries(list))

/** A delta does not ask what the resources are. */
const snapshot = fc
  .record({
    services: resources,
    clusters: resources,
    endpoints: resources,
    inbound: fc.constantFrom({ mtls: 'strict' }, { mtls: 'permissive' }),
  })
  .map(content => content as unknown as Omit<Snapshot, 'version'>)
  .map(content => ({ version: snapshotVersion(content), ...content }) satisfies Snapshot)

/** As they arrive at the other end. */
function sent(changes: readonly Change[]): Change[] {
  return JSON.parse(JSON.stringify(changes)) as Change[]
}

t.test('the changes between two snapshots make the second of the first', async () => {
  const makes = (from: Snapshot, to: Snapshot): boolean => {
    const made = applyChanges(from, sent(diffSnapshots(from, to)), to.version)
    return made.version === to.version && snapshotVersion(made) === to.version
  }
  fc.assert(fc.property(snapshot, snapshot, makes), { numRuns: 1000 })
})

t.test('a series of changes leads to the last snapshot', async () => {
  const follows = (first: Snapshot, others: Snapshot[]): boolean => {
    let held = first
    let former = first
    for (const next of others) {
      held = applyChanges(held, sent(diffSnapshots(former, next)), next.version)
      former = next
    }
    return snapshotVersion(held) === former.version
  }
  fc.assert(fc.property(snapshot, fc.array(snapshot, { maxLength: 4 }), follows))
})

t.test('what is the same is not sent', async () => {
  const isLean = (from: Snapshot, to: Snapshot): boolean => {
    const changes = diffSnapshots(from, to)
    const places = new Set(changes.map(change => `${change.kind} ${change.name}`))
    const differs = ({ kind, name: key }: Change): boolean => {
      if (kind === 'inbound') return from.inbound.mtls !== to.inbound.mtls
      const [one, other] = [from, to].map(side => Object.entries(side[kind]))
      const find = (list: typeof one): string =>
        JSON.stringify(list?.find(([entry]) => entry === key))
      return find(one) !== find(other)
    }
    return places.size === changes.length && changes.every(differs)
  }
  fc.assert(fc.property(snapshot, snapshot, isLean))
  fc.assert(fc.property(snapshot, same => diffSnapshots(same, structuredClone(same)).length === 0))
})

t.test('applying changes leaves the snapshot before as it was', async () => {
  const keeps = (from: Snapshot, to: Snapshot): boolean => {
    const before = JSON.stringify(from)
    applyChanges(from, sent(diffSnapshots(from, to)), to.version)
    return JSON.stringify(from) === before
  }
  fc.assert(fc.property(snapshot, snapshot, keeps))
})
