/** A request of HTTP, as the event is made from it. */
export interface HttpRequest {
  readonly method: string
  /** Undecoded, without the query. */
  readonly path: string
  /** Without `?`. */
  readonly query: string
  /** In the order of the wire; names in lower case. */
  readonly headers: Iterable<readonly [name: string, value: string]>
  readonly body: Buffer
  /** host[:port] that was called. */
  readonly authority: string
  readonly sourceIp: string
}

export interface EventContext {
  readonly functionName: string
  /** SPIFFE ID of the sidecar that called; undefined without mTLS. */
  readonly caller: string | undefined
  readonly requestId: string
  /** Wall clock, ms. */
  readonly time: number
}

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/**
 * The event that a function gets for a request by HTTP: payload format 2.0
 * (docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html). As JSON.
 */
export function httpEvent(request: HttpRequest, context: EventContext): Buffer {
  const { method, path, query, body, authority, sourceIp } = request
  const { functionName, requestId, time, caller } = context
  const { headers, cookies } = collectHeaders(request)
  const text = bodyText(body, headers['content-type'])
  const event = {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    ...(cookies.length > 0 && { cookies }),
    headers,
    ...(query !== '' && { queryStringParameters: queryParameters(query) }),
    requestContext: {
      accountId: 'anonymous',
      apiId: functionName,
      ...(caller !== undefined && { authentication: callerCertificate(caller) }),
      domainName: authority,
      domainPrefix: functionName,
      http: {
        method,
        path,
        protocol: 'HTTP/1.1',
        sourceIp,
        userAgent: headers['user-agent'] ?? '',
      },
      requestId,
      routeKey: '$default',
      stage: '$default',
      time: formatTime(time),
      timeEpoch: time,
    },
    ...(body.length > 0 && { body: text ?? body.toString('base64') }),
    isBase64Encoded: body.length > 0 && text === undefined,
  }
  return Buffer.from(JSON.stringify(event))
}

/** Several of one name become one, with commas between; cookies stand by themselves. */
function collectHeaders(request: HttpRequest): {
  readonly headers: Record<string, string>
  readonly cookies: readonly string[]
} {
  const headers: Record<string, string> = { __proto__: null } as never
  const cookies: string[] = []
  headers['host'] = request.authority
  for (const [name, value] of request.headers) {
    if (name === 'cookie') cookies.push(...value.split(/; */).filter(cookie => cookie !== ''))
    else headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`
  }
  if (request.body.length > 0) headers['content-length'] = String(request.body.length)
  return { headers, cookies }
}

/** Decoded; several of one name become one, with commas between. */
function queryParameters(query: string): Record<string, string> {
  const parameters: Record<string, string> = { __proto__: null } as never
  for (const [name, value] of new URLSearchParams(query)) {
    const earlier = parameters[name]
    parameters[name] = earlier === undefined ? value : `${earlier},${value}`
  }
  return parameters
}

/** Undefined: it goes as base64. Text is what says so and is UTF-8, as AWS decides. */
function bodyText(body: Buffer, contentType = ''): string | undefined {
  if (!/^(?:text\/|application\/(?:json|javascript|xml)\s*(?:;|$))/i.test(contentType))
    return undefined
  const text = body.toString('utf8')
  return Buffer.byteLength(text) === body.length && !text.includes('\ufffd') ? text : undefined
}

/** Who called, in the form that API Gateway has for clients with certificates. */
function callerCertificate(caller: string): object {
  return {
    clientCert: {
      // Of these we know nothing here, and validators of events want them all.
      clientCertPem: '',
      issuerDN: '',
      serialNumber: '',
      subjectDN: `URI=${caller}`,
      validity: { notBefore: '', notAfter: '' },
    },
  }
}

/** `23/Nov/2026:08:12:05 +0000` */
function formatTime(time: number): string {
  const date = new Date(time)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}`
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':')
  return `${day}:${clock} +0000`
}
