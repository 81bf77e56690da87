/** An answer by HTTP, made from what a function has returned. */
export interface HttpResult {
  readonly status: number
  /** Names in lower case; `set-cookie` several times. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

/** Content type of a stream that begins with status and headers. */
export const httpPreludeType = 'application/vnd.awslambda.http-integration-response'

const json = 'application/json'
/** Framing is ours to say, and these would be taken for it. */
const framing: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const namePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// oxlint-disable-next-line no-control-regex -- these are the ones that may not stand in a field (RFC 9110 §5.5)
const badValue = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/

/**
 * What a function has returned, as an answer: payload format 2.0. An object with a `statusCode` says all of it; any
 * other value is the body, as JSON, and a text by itself goes without its quotes.
 * Undefined: it makes no answer of HTTP.
 */
export function httpResult(result: Buffer, contentType: string): HttpResult | undefined {
  if (!isJson(contentType)) return plain(result, contentType)
  const value = parse(result)
  if (value === undefined) return plain(result, json)
  if (typeof value.json === 'string') return plain(Buffer.from(value.json), json)
  const fields = asObject(value.json)
  if (fields?.['statusCode'] === undefined) return plain(result, json)
  const head = resultHead(fields)
  const body = resultBody(fields)
  return head === undefined || body === undefined ? undefined : { ...head, body }
}

/** Status and headers that stand before the body of a stream. Undefined when they make no answer. */
export function preludeHead(prelude: Buffer): Omit<HttpResult, 'body'> | undefined {
  const fields = asObject(parse(prelude)?.json)
  return fields && resultHead({ statusCode: 200, ...fields })
}

function plain(body: Buffer, contentType: string): HttpResult {
  return { status: 200, headers: [['content-type', contentType]], body }
}

function isJson(contentType: string): boolean {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() === json
}

function parse(bytes: Buffer): { readonly json: unknown } | undefined {
  try {
    return { json: JSON.parse(bytes.toString('utf8')) }
  } catch {
    // Text that is no JSON goes on as it is.
    return undefined
  }
}

type Fields = Readonly<Record<string, unknown>>

function asObject(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined
}

function resultHead(fields: Fields): Omit<HttpResult, 'body'> | undefined {
  const status = Number(fields['statusCode'])
  // A 1xx is no answer yet, and HTTP knows nothing above.
  if (!Number.isInteger(status) || status < 200 || status > 599) return undefined
  const headers = resultHeaders(fields['headers'] ?? {})
  const cookies = fields['cookies'] ?? []
  if (headers === undefined || !Array.isArray(cookies)) return undefined
  for (const cookie of cookies) {
    if (typeof cookie !== 'string' || badValue.test(cookie)) return undefined
    headers.push(['set-cookie', cookie])
  }
  if (!headers.some(([name]) => name === 'content-type')) headers.push(['content-type', json])
  return { status, headers }
}

function resultHeaders(value: unknown): [string, string][] | undefined {
  const fields = asObject(value)
  if (fields === undefined) return undefined
  const headers: [string, string][] = []
  for (const [name, field] of Object.entries(fields)) {
    const text = scalarText(field)
    if (text === undefined || !namePattern.test(name) || badValue.test(text)) return undefined
    if (!framing.has(name.toLowerCase())) headers.push([name.toLowerCase(), text])
  }
  return headers
}

/** Headers may be given as numbers and truth values too. */
function scalarText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? `${value}` : undefined
}

function resultBody({ body, isBase64Encoded }: Fields): Buffer | undefined {
  if (body === undefined || body === null) return Buffer.alloc(0)
  if (typeof body !== 'string') return Buffer.from(JSON.stringify(body))
  return Buffer.from(body, isBase64Encoded === true ? 'base64' : 'utf8')
}
