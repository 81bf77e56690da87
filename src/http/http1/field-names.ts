/** What a codec must do with a field beyond passing it on. */
export const fieldRole = {
  /** End to end. */
  plain: 0,
  contentLength: 1,
  transferEncoding: 2,
  connection: 3,
  host: 4,
  upgrade: 5,
  expect: 6,
  te: 7,
  keepAlive: 8,
  /** For this connection only, and of no use to us: dropped (RFC 9110 §7.6.1). */
  hopByHop: 9,
} as const

export interface FieldName {
  /** Lower-case. */
  readonly name: string
  /** One of {@link fieldRole}. */
  readonly role: number
}

const roles = new Map<string, number>([
  ['content-length', fieldRole.contentLength],
  ['transfer-encoding', fieldRole.transferEncoding],
  ['connection', fieldRole.connection],
  ['host', fieldRole.host],
  ['upgrade', fieldRole.upgrade],
  ['expect', fieldRole.expect],
  ['te', fieldRole.te],
  ['keep-alive', fieldRole.keepAlive],
  ['http2-settings', fieldRole.hopByHop],
])

/** RFC 9110 §5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

export function isToken(text: string): boolean {
  return token.test(text)
}

const maxKnown = 1024
const maxKnownLength = 64

// perf: bench hop-100B. Looking a spelling up is cheaper than checking and lower-casing it each time.
const known = new Map<string, FieldName>()

/** The name behind a spelling from the wire; undefined when it is no token. */
export function fieldName(rawName: string): FieldName | undefined {
  const found = known.get(rawName)
  if (found !== undefined) return found
  if (!token.test(rawName)) return undefined
  const name = rawName.toLowerCase()
  const role = roles.get(name) ?? (name.startsWith('proxy-') ? fieldRole.hopByHop : fieldRole.plain)
  const entry = { name, role }
  if (rawName.length > maxKnownLength) return entry
  // Starting over costs less than never again learning a name after somebody sent a thousand made-up ones.
  if (known.size >= maxKnown) known.clear()
  known.set(rawName, entry)
  return entry
}
