import t from 'tap'
import type { Snapshot } from '../../../src/model/snapshot.ts'
import { snapshotVersion } from '../../../src/model/snapshot-version.ts'
import { clusterPolicy, endpointAt } from '../../support/policies.ts'

const cluster = clusterPolicy()
const content = {
  services: {},
  clusters: { [cluster.name]: cluster },
  endpoints: { [cluster.name]: [endpointAt(1), endpointAt(2)] },
  inbound: { mtls: 'strict' },
  outbound: { trafficPolicy: 'allowAny' },
} satisfies Omit<Snapshot, 'version'>

/** The same with all keys in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, field]) => [key, reversed(field)])
      .reverse(),
  )
}

t.test('a version is sixteen hexadecimal digits', async t => {
  t.match(snapshotVersion(content), /^[0-9a-f]{16}$/)
})

t.test('the order of keys, absent fields and the version itself change nothing', async t => {
  const version = snapshotVersion(content)
  t.equal(snapshotVersion(reversed(content) as Snapshot), version)
  t.equal(snapshotVersion({ version: 'x', ...content } as Snapshot), version)
  t.equal(snapshotVersion({ ...content, services: { a: undefined } } as never), version)
  t.equal(snapshotVersion(JSON.parse(JSON.stringify(content)) as Snapshot), version)
})

t.test('every other difference counts, and so does the order of a list', async t => {
  const [name] = Object.keys(content.clusters)
  const list = content.endpoints[String(name)] ?? []
  const versions = [
    content,
    { ...content, inbound: { mtls: 'permissive' } as const },
    { ...content, clusters: {} },
    { ...content, clusters: { [String(name)]: { ...cluster, connectTimeoutMs: 1001 } } },
    { ...content, endpoints: { [String(name)]: list.toReversed() } },
    { ...content, endpoints: { [String(name)]: list.slice(1) } },
    { ...content, endpoints: { other: list } },
    { ...content, outbound: { trafficPolicy: 'registryOnly' } as const },
  ].map(snapshotVersion)
  t.equal(new Set(versions).size, versions.length)
})
