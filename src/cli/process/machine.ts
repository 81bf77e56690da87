import { networkInterfaces } from 'node:os'

/** Those of an interface that is not loopback, IPv4 first; without link-local ones, which need a zone. */
export function reachableAddresses(interfaces = networkInterfaces()): string[] {
  const all = Object.values(interfaces).flatMap(addresses => addresses ?? [])
  const usable = all.filter(
    ({ internal, address }) => !internal && !/^(?:fe[89ab][0-9a-f]:|169\.254\.)/i.test(address),
  )
  const of = (family: string): string[] =>
    usable.filter(entry => entry.family === family).map(({ address }) => address)
  return [...of('IPv4'), ...of('IPv6')]
}
