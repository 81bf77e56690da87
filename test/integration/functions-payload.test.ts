// Payload format 2.0 as a table, by HTTP through both sidecars: what a function is told, and what its caller gets.
import http from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import { startFunctionMesh, type FunctionMesh } from '../support/functions/mesh.ts'

interface Sent {
  readonly path?: string
  readonly method?: string
  /** As on the wire: names and values in turn, so that a name may come twice. */
  readonly headers?: readonly string[]
  readonly body?: Buffer
}

interface Received {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

async function send({ caller }: FunctionMesh, sent: Sent): Promise<Received> {
  const { path = '/', method = 'GET', headers = [], body } = sent
  const length = body === undefined ? [] : ['content-length', String(body.length)]
  const request = http.request({
    host: '127.0.0.1',
    port: caller.ports.outbound,
    agent: false,
    path,
    method,
    headers: ['host', 'echo.fn.mesh', ...headers, ...length],
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks),
  }
}

interface EventRow {
  readonly what: string
  readonly sent: Sent
  /** A part of the event. */
  readonly told: object
  /** Names that the event must not have. */
  readonly without?: readonly string[]
}

const text = ['content-type', 'text/plain; charset=utf-8']
const post = { method: 'POST' }

const events: readonly EventRow[] = [
  {
    what: 'a path goes undecoded, and without a query there is none',
    sent: { path: '/a%20b//c/../d%2Fe;x=1' },
    told: {
      rawPath: '/a%20b//c/../d%2Fe;x=1',
      rawQueryString: '',
      requestContext: { http: { path: '/a%20b//c/../d%2Fe;x=1', method: 'GET' } },
    },
    without: ['queryStringParameters', 'body', 'cookies'],
  },
  {
    what: 'values of a query are decoded, and those of one name joined',
    sent: { path: '/?a=1&b=%C3%A9+x&a=2&empty=&bare&c=1%2C2&a=' },
    told: {
      rawQueryString: 'a=1&b=%C3%A9+x&a=2&empty=&bare&c=1%2C2&a=',
      queryStringParameters: { a: '1,2,', b: 'é x', empty: '', bare: '', c: '1,2' },
    },
  },
  {
    what: 'a query that is nothing but its mark is empty',
    sent: { path: '/?' },
    told: { rawPath: '/', rawQueryString: '' },
    without: ['queryStringParameters'],
  },
  {
    what: 'headers of one name are joined, and their names in lower case',
    sent: { headers: ['X-Many', 'a', 'x-many', 'b', 'X-MANY', 'c, d'] },
    told: { headers: { 'x-many': /^a, ?b, ?c, d$/ } },
  },
  {
    what: 'cookies stand apart, however many fields they came in',
    sent: { headers: ['cookie', 'a=1; b="2;3"', 'cookie', 'c=3'] },
    told: { cookies: ['a=1', /^b=/] },
  },
  {
    what: 'a body of text is the text',
    sent: { ...post, headers: text, body: Buffer.from('é€😀') },
    told: { body: 'é€😀', isBase64Encoded: false, headers: { 'content-length': '9' } },
  },
  {
    what: 'a body of JSON is its text',
    sent: { ...post, headers: ['content-type', 'application/json'], body: Buffer.from('{"a": 1}') },
    told: { body: '{"a": 1}', isBase64Encoded: false },
  },
  {
    what: 'text that is no UTF-8 goes as base64',
    sent: { ...post, headers: text, body: Buffer.from([0x61, 0xff]) },
    told: { body: 'Yf8=', isBase64Encoded: true },
  },
  {
    what: 'a picture goes as base64',
    sent: { ...post, headers: ['content-type', 'image/png'], body: Buffer.from([0x89, 0x50]) },
    told: { body: 'iVA=', isBase64Encoded: true },
  },
  {
    what: 'a form goes as base64',
    sent: {
      ...post,
      headers: ['content-type', 'application/x-www-form-urlencoded'],
      body: Buffer.from('a=1&b=2'),
    },
    told: { body: 'YT0xJmI9Mg==', isBase64Encoded: true },
  },
  {
    what: 'a body without a type goes as base64',
    sent: { ...post, body: Buffer.from('hello') },
    told: { body: 'aGVsbG8=', isBase64Encoded: true },
  },
  {
    what: 'an empty body is none',
    sent: { ...post, headers: text, body: Buffer.alloc(0) },
    told: { isBase64Encoded: false, requestContext: { http: { method: 'POST' } } },
    without: ['body'],
  },
  {
    what: 'any method is one',
    sent: { method: 'PATCH' },
    told: { requestContext: { http: { method: 'PATCH' } } },
  },
]

t.test('events', async t => {
  const mesh = await startFunctionMesh(t)
  for (const { what, sent, told, without = [] } of events)
    await t.test(what, async t => {
      const { status, body } = await send(mesh, sent)
      t.equal(status, 200)
      const event = JSON.parse(body.toString())
      t.match(event, told)
      for (const name of without) t.notOk(Object.hasOwn(event, name), name)
    })
})

t.test('every event has what the format promises', async t => {
  const mesh = await startFunctionMesh(t)
  const { headers, body } = await send(mesh, { headers: ['user-agent', 'test/1'] })
  const event = JSON.parse(body.toString())
  t.match(event, {
    version: '2.0',
    routeKey: '$default',
    requestContext: {
      accountId: 'anonymous',
      apiId: /./,
      // All of them are there, as validators of events want it.
      authentication: {
        clientCert: {
          clientCertPem: String,
          issuerDN: String,
          serialNumber: String,
          subjectDN: 'URI=spiffe://weft.local/ns/default/sa/caller',
          validity: { notBefore: String, notAfter: String },
        },
      },
      domainName: 'echo.fn.mesh',
      domainPrefix: /./,
      http: { protocol: 'HTTP/1.1', sourceIp: /^[\d.]+$/, userAgent: 'test/1' },
      requestId: headers['x-amzn-requestid'],
      routeKey: '$default',
      stage: '$default',
      time: /^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/,
      timeEpoch: Number,
    },
  })
  t.notOk('pathParameters' in event || 'stageVariables' in event)
})

interface ResultRow {
  readonly what: string
  readonly returned: unknown
  readonly status?: number
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, unknown>>
}

const json = 'application/json'

const results: readonly ResultRow[] = [
  { what: 'a text goes without its quotes', returned: 'hello', body: 'hello' },
  { what: 'an empty text is an empty body', returned: '', body: '' },
  { what: 'a text with quotes keeps its own', returned: 'say "é"', body: 'say "é"' },
  { what: 'a number is JSON', returned: 42, body: '42' },
  { what: 'a truth value is JSON', returned: false, body: 'false' },
  { what: 'nothing is null', returned: null, body: 'null' },
  { what: 'a list is JSON', returned: [1, 'a'], body: '[1,"a"]' },
  { what: 'an object without a status is JSON', returned: { body: 'x' }, body: '{"body":"x"}' },
  { what: 'a status by itself has no body', returned: { statusCode: 201 }, status: 201, body: '' },
  {
    what: 'a status may be a text',
    returned: { statusCode: '418', body: 'tea' },
    status: 418,
    body: 'tea',
  },
  {
    what: 'a body that is an object goes as JSON',
    returned: { statusCode: 200, body: { a: [1] } },
    body: '{"a":[1]}',
  },
  {
    what: 'base64 is decoded',
    returned: { statusCode: 200, body: 'AP8A', isBase64Encoded: true },
    body: Buffer.from([0, 255, 0]),
  },
  {
    what: 'text that looks like base64 stays text',
    returned: { statusCode: 200, body: 'AP8A', isBase64Encoded: false },
    body: 'AP8A',
  },
  {
    what: 'headers are in lower case, and numbers are text',
    returned: { statusCode: 200, headers: { 'X-Count': 3, 'X-Ok': true, 'Content-Type': 'a/b' } },
    headers: { 'x-count': '3', 'x-ok': 'true', 'content-type': 'a/b' },
    body: '',
  },
  {
    what: 'each cookie is a field of its own',
    returned: { statusCode: 200, cookies: ['a=1; HttpOnly', 'b=2'] },
    headers: { 'set-cookie': ['a=1; HttpOnly', 'b=2'] },
    body: '',
  },
  {
    what: 'what frames the answer is not the function’s to say',
    returned: {
      statusCode: 200,
      headers: { 'Content-Length': '1', 'Transfer-Encoding': 'chunked', Connection: 'close' },
      body: 'whole',
    },
    headers: { 'content-length': '5', 'transfer-encoding': undefined },
    body: 'whole',
  },
  { what: 'a status that is none is a failure', returned: { statusCode: 'ok' }, status: 502 },
  { what: 'an interim status is a failure', returned: { statusCode: 100 }, status: 502 },
  {
    what: 'a header that would split the answer is a failure',
    returned: { statusCode: 200, headers: { a: '1\r\nb: 2' } },
    status: 502,
  },
  {
    what: 'a header beyond ASCII is a failure',
    returned: { statusCode: 200, headers: { a: 'é' } },
    status: 502,
  },
  {
    what: 'a cookie that would split the answer is a failure',
    returned: { statusCode: 200, cookies: ['a=1\nb'] },
    status: 502,
  },
]

t.test('results', async t => {
  const mesh = await startFunctionMesh(t)
  for (const { what, returned, status = 200, body, headers = {} } of results)
    await t.test(what, async t => {
      const answer = await send(mesh, {
        ...post,
        headers: ['content-type', json],
        body: Buffer.from(JSON.stringify({ action: 'return', result: returned })),
      })
      t.equal(answer.status, status)
      if (body !== undefined) t.strictSame(answer.body, Buffer.from(body))
      const type = status === 502 || 'content-type' in headers ? {} : { 'content-type': json }
      t.match(answer.headers, { ...type, ...headers })
      const next = await send(mesh, {})
      t.equal(next.status, 200)
    })
})
