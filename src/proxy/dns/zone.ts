import type { Service } from '../../model/service.ts'
import { recordClasses, recordTypes, responseCodes, type Query } from './message.ts'
import type { Reply } from './reply.ts'

/** A name that the mesh answers for. */
interface ZoneEntry {
  /** `orders.default`. */
  readonly service: string
  /** Undefined while no port of it could be bound: an address where somebody else may listen is not handed out. */
  readonly address: string | undefined
}

/** The names of one snapshot; names of Services and namespaces are in lower case (RFC 1123). */
export type Zone = ReadonlyMap<string, ZoneEntry>

/** The name that all ports of a Service share: `orders.default` of `orders.default:80`. */
export function serviceNameOf({ name }: Service): string {
  return name.slice(0, name.lastIndexOf(':'))
}

export function buildZone(
  services: Iterable<Service>,
  addressOf: (service: string) => string | undefined,
): Zone {
  const zone = new Map<string, ZoneEntry>()
  for (const service of services) {
    const name = serviceNameOf(service)
    const entry = { service: name, address: addressOf(name) }
    for (const host of service.hosts) zone.set(host, entry)
  }
  return zone
}

/** Undefined: not a name of the mesh. */
export function lookUp(zone: Zone, query: Query): Reply | undefined {
  if (query.class !== recordClasses.internet && query.class !== recordClasses.any) return undefined
  const entry = zone.get(query.name)
  if (entry === undefined) return undefined
  const { address } = entry
  if (address === undefined) return { kind: 'error', code: responseCodes.serverFailure }
  // RFC 8482: ANY may be answered with one record.
  return query.type === recordTypes.a || query.type === recordTypes.any
    ? { kind: 'address', address }
    : { kind: 'no-data' }
}
