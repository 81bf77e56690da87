import t from 'tap'
import { httpEvent, type HttpRequest } from '../../../../src/functions/payload/http-event.ts'

const context = {
  functionName: 'hello',
  caller: undefined,
  requestId: 'id-1',
  time: Date.UTC(2026, 10, 3, 8, 2, 5),
}

function eventOf(request: Partial<HttpRequest>) {
  const whole = {
    method: 'GET',
    path: '/',
    query: '',
    headers: [],
    body: Buffer.alloc(0),
    authority: 'hello.fn.mesh',
    sourceIp: '127.0.0.1',
    ...request,
  }
  return JSON.parse(httpEvent(whole, context).toString())
}

t.test('a request without anything has no fields for it', async t => {
  t.strictSame(eventOf({}), {
    version: '2.0',
    routeKey: '$default',
    rawPath: '/',
    rawQueryString: '',
    headers: { host: 'hello.fn.mesh' },
    requestContext: {
      accountId: 'anonymous',
      apiId: 'hello',
      domainName: 'hello.fn.mesh',
      domainPrefix: 'hello',
      http: {
        method: 'GET',
        path: '/',
        protocol: 'HTTP/1.1',
        sourceIp: '127.0.0.1',
        userAgent: '',
      },
      requestId: 'id-1',
      routeKey: '$default',
      stage: '$default',
      time: '03/Nov/2026:08:02:05 +0000',
      timeEpoch: context.time,
    },
    isBase64Encoded: false,
  })
})

t.test('headers of one name are joined, and cookies stand apart', async t => {
  const headers = [
    ['x-a', '1'],
    ['cookie', 'a=1; b=2'],
    ['x-a', '2'],
    ['cookie', 'c=3'],
    ['__proto__', 'x'],
  ] as const
  const event = eventOf({ headers })
  t.equal(event.headers['x-a'], '1,2')
  t.equal(event.headers.cookie, undefined)
  t.ok(Object.hasOwn(event.headers, '__proto__'))
  t.same(event.cookies, ['a=1', 'b=2', 'c=3'])
})

t.test('the query is decoded, and stays as it was beside that', async t => {
  const { rawQueryString, queryStringParameters } = eventOf({ query: 'a=1&b=%20x&a=2&c' })
  t.equal(rawQueryString, 'a=1&b=%20x&a=2&c')
  t.same(queryStringParameters, { a: '1,2', b: ' x', c: '' })
})

t.test('a body is text where it says so and is, and base64 else', async t => {
  const bodyOf = (type: string | undefined, body: string | Buffer) => {
    const headers = type === undefined ? [] : [['content-type', type] as const]
    const event = eventOf({ method: 'POST', headers, body: Buffer.from(body) })
    return [event.body, event.isBase64Encoded]
  }
  t.same(bodyOf('text/plain', 'é'), ['é', false])
  t.same(bodyOf('application/json; charset=utf-8', '{}'), ['{}', false])
  t.same(bodyOf('application/jsonx', '{}'), ['e30=', true])
  t.same(bodyOf('application/x-www-form-urlencoded', 'a=1'), ['YT0x', true])
  t.same(bodyOf(undefined, 'a'), ['YQ==', true])
  t.same(bodyOf('text/plain', Buffer.from([0xff, 0xfe])), ['//4=', true])
})
