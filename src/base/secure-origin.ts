import { isIPv4 } from 'node:net'

/** Whether bytes to there can't be read on the way. */
export function isSecure(origin: string, allowPlainHttp: boolean): boolean {
  const { protocol, hostname } = new URL(origin)
  if (protocol === 'https:') return true
  return protocol === 'http:' && (allowPlainHttp || isLoopback(hostname))
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname === '[::1]' ||
    (isIPv4(hostname) && hostname.startsWith('127.'))
  )
}
