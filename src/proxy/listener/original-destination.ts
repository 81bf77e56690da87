import { isIPv4, type Socket } from 'node:net'
import type { SocketAddress } from '../../model/bootstrap.ts'

/** Where a connection that iptables has redirected was going; undefined: it came to us by itself. */
export type OriginalDestination = (socket: Socket) => SocketAddress | undefined

/** `SO_ORIGINAL_DST` and `IP6T_SO_ORIGINAL_DST` have the same number at their two levels (linux/netfilter_ipv4.h). */
const originalDst = 80
const levels = { 4: 0, 6: 41 } as const
const families = { 4: 2, 6: 10 } as const
/** Of a `sockaddr_in6`. */
const longestAddress = 28

/** Of descriptor, level, name, value, and size of the value. */
type GetSocketOption = (...values: unknown[]) => number

/**
 * Node has no way to ask a socket for that; koffi calls the C library.
 * @throws Error that says what to install.
 */
export async function loadOriginalDestination(): Promise<OriginalDestination> {
  const getsockopt = await loadGetSocketOption()
  return socket => {
    // Node does not show the descriptor, though it has one for every socket of Linux.
    const fd = (socket as { _handle?: { fd?: number } })._handle?.fd ?? -1
    const { localAddress = '', localPort } = socket
    const version = isIPv4(withoutMapping(localAddress)) ? 4 : 6
    const bytes = Buffer.alloc(longestAddress)
    if (fd < 0 || getsockopt(fd, levels[version], originalDst, bytes, [bytes.length]) !== 0)
      return undefined
    const destination = decodeSocketAddress(bytes)
    const own = destination?.host === withoutMapping(localAddress) && destination.port === localPort
    return own ? undefined : destination
  }
}

/** A `sockaddr_in` or `sockaddr_in6`; undefined for others. */
export function decodeSocketAddress(bytes: Buffer): SocketAddress | undefined {
  // Its family is in the order of the machine, all else in that of the network.
  const family = new Uint16Array(bytes.buffer, bytes.byteOffset, 1)[0]
  const port = bytes.readUInt16BE(2)
  if (family === families[4]) return { host: bytes.subarray(4, 8).join('.'), port }
  if (family !== families[6]) return undefined
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(8 + 2 * index))
  const text = groups.map(group => group.toString(16)).join(':')
  // The shortest form of it, as others write it (RFC 5952).
  return { host: withoutMapping(new URL(`http://[${text}]`).hostname.slice(1, -1)), port }
}

/** An IPv4 address that came to a socket of IPv6. */
function withoutMapping(address: string): string {
  const mapped = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i.exec(address)
  if (mapped === null) return address
  const [, dotted, high = '', low = ''] = mapped
  if (dotted !== undefined) return dotted
  const [first, second] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [first >> 8, first & 255, second >> 8, second & 255].join('.')
}

async function loadGetSocketOption(): Promise<GetSocketOption> {
  try {
    const { default: koffi } = await import('koffi')
    const signature = 'int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)'
    return koffi.load(null).func(signature) as unknown as GetSocketOption
  } catch (cause) {
    throw new Error(
      'transparent mode needs Linux and the package koffi, an optional dependency: `npm install koffi`',
      { cause },
    )
  }
}
