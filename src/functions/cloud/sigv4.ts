import { createHash, createHmac } from 'node:crypto'

/** What is signed. Signing comes last: whatever is changed afterwards must not be among it. */
export interface SignableRequest {
  readonly method: string
  /** As on the wire, without the query. */
  readonly path: string
  /** As on the wire, without `?`. */
  readonly query: string
  /** `host` has to be there. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

export interface SigningCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
}

type Header = readonly [name: string, value: string]

const algorithm = 'AWS4-HMAC-SHA256'

/** Proxies on the way change these, and clients of HTTP add them late. */
const unsigned: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'expect',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'x-amzn-trace-id',
])

/**
 * Signs requests to one service of AWS in one region: Signature Version 4
 * (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). Not for S3, whose paths are
 * encoded once only and not normalised.
 */
export class Signer {
  readonly #region: string
  readonly #service: string
  /** The key of one day and secret serves all requests of that day. */
  #cached: { readonly secret: string; readonly date: string; readonly key: Buffer } | undefined

  constructor(region: string, service: string) {
    this.#region = region
    this.#service = service
  }

  /** The headers to add. `time`: wall clock, ms. Each try needs its own: AWS takes none older than 5 minutes. */
  sign(request: SignableRequest, credentials: SigningCredentials, time: number): Header[] {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials
    const timestamp = new Date(time).toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
    const date = timestamp.slice(0, 8)
    const added: Header[] = [['x-amz-date', timestamp]]
    if (sessionToken !== undefined) added.push(['x-amz-security-token', sessionToken])
    const headers = foldHeaders([...request.headers, ...added])
    const scope = `${date}/${this.#region}/${this.#service}/aws4_request`
    const canonical = canonicalText(request, headers)
    const text = [algorithm, timestamp, scope, sha256(canonical)].join('\n')
    const signature = hmac(this.#key(secretAccessKey, date), text).toString('hex')
    const names = headers.map(([name]) => name).join(';')
    added.push([
      'authorization',
      `${algorithm} Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    ])
    return added
  }

  #key(secret: string, date: string): Buffer {
    if (this.#cached?.secret !== secret || this.#cached.date !== date) {
      const parts = [date, this.#region, this.#service, 'aws4_request']
      const key = parts.reduce<Buffer>(hmac, Buffer.from(`AWS4${secret}`))
      this.#cached = { secret, date, key }
    }
    return this.#cached.key
  }
}

/** The request in the one form that both sides hash. Without the headers that signing adds. */
export function canonicalRequest(request: SignableRequest): string {
  return canonicalText(request, foldHeaders(request.headers))
}

function canonicalText(request: SignableRequest, headers: readonly Header[]): string {
  return [
    request.method,
    encode(normalPath(request.path)).replaceAll('%2F', '/'),
    canonicalQuery(request.query),
    ...headers.map(([name, value]) => `${name}:${value}`),
    '',
    headers.map(([name]) => name).join(';'),
    sha256(request.body),
  ].join('\n')
}

/** Sorted; several of one name become one, in their order; runs of white space become a blank. */
function foldHeaders(headers: readonly Header[]): Header[] {
  const folded = new Map<string, string>()
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    if (unsigned.has(key)) continue
    const text = value.trim().replaceAll(/\s+/g, ' ')
    const earlier = folded.get(key)
    folded.set(key, earlier === undefined ? text : `${earlier},${text}`)
  }
  return [...folded].sort(([a], [b]) => compare(a, b))
}

/** Without `.`, `..` and empty segments (RFC 3986 §6.2.2.3, and AWS drops doubled slashes too). */
function normalPath(path: string): string {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(segment)
  }
  return `/${kept.join('/')}${kept.length > 0 && path.endsWith('/') ? '/' : ''}`
}

function canonicalQuery(query: string): string {
  if (query === '') return ''
  const pairs = query.split('&').map((part): Header => {
    const at = part.indexOf('=')
    const [name, value] = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)]
    return [encode(decode(name)), encode(decode(value))]
  })
  pairs.sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]))
  return pairs.map(pair => pair.join('=')).join('&')
}

/** Text that is not encoded rightly stands for itself. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** RFC 3986 §2.3: all but the unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    sign => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** By code unit: AWS sorts bytes, and no language's order of letters. */
function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
