import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  canonicalRequest,
  Signer,
  type SignableRequest,
} from '../../../../src/functions/cloud/sigv4.ts'

interface Vector {
  readonly name: string
  /** false: as S3 does it, with the path left as it is. */
  readonly normalize: boolean
  readonly request: string
  readonly sessionToken?: string
  readonly canonicalRequest: string
  readonly signature: string
}

interface Suite {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
  readonly service: string
  readonly time: string
  readonly vectors: readonly Vector[]
}

const file = join(import.meta.dirname, 'data/sigv4-vectors.json')
const suite = JSON.parse(readFileSync(file, 'utf8')) as Suite
const time = Date.parse(suite.time)
const timestamp = '20150830T123600Z'

/** Head and body of a message as the suite writes it; a line that begins with a blank continues the one before. */
function parseRequest(text: string): SignableRequest {
  const at = text.indexOf('\n\n')
  const [first = '', ...lines] = (at < 0 ? text : text.slice(0, at)).trimEnd().split('\n')
  const headers: [string, string][] = []
  for (const line of lines) {
    const last = headers.at(-1)
    if (/^\s/.test(line) && last !== undefined) last[1] += `\n${line}`
    else headers.push([line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)])
  }
  const [, method = '', path = '', query = ''] =
    /^(\S+) ([^?]*)\??(.*) HTTP\/1\.1$/.exec(first) ?? []
  return { method, path, query, headers, body: Buffer.from(at < 0 ? '' : text.slice(at + 2)) }
}

function withDigest({ canonicalRequest: expected }: Vector, request: SignableRequest) {
  const digest = /^x-amz-content-sha256:(.*)$/m.exec(expected)?.[1]
  return digest === undefined
    ? request
    : { ...request, headers: [...request.headers, ['x-amz-content-sha256', digest] as const] }
}

for (const vector of suite.vectors.filter(({ normalize }) => normalize)) {
  t.test(`signs as the test suite of AWS has it: ${vector.name}`, async t => {
    const request = withDigest(vector, parseRequest(vector.request))
    const { sessionToken } = vector
    const token =
      sessionToken === undefined ? [] : [['x-amz-security-token', sessionToken] as const]
    const headers = [...request.headers, ['x-amz-date', timestamp] as const, ...token]
    t.equal(canonicalRequest({ ...request, headers }), vector.canonicalRequest)
    const signer = new Signer(suite.region, suite.service)
    const signed = new Map(signer.sign(request, { ...suite, sessionToken }, time))
    t.match(signed.get('authorization'), new RegExp(`Signature=${vector.signature}$`))
    t.equal(signed.get('x-amz-security-token'), sessionToken)
  })
}

t.test('paths that only S3 leaves as they are stay out of scope', async t => {
  const others = suite.vectors.filter(({ normalize }) => !normalize).map(({ name }) => name)
  t.equal(others.length, 7)
  t.ok(others.every(name => name.endsWith('-unnormalized')))
})

t.test('a name that is encoded already is encoded again', async t => {
  const path = '/2015-03-31/functions/arn%3Aaws/invocations'
  const request = { method: 'POST', path, query: '', headers: [], body: Buffer.alloc(0) }
  t.match(canonicalRequest(request), '/2015-03-31/functions/arn%253Aaws/invocations')
})

t.test('a day, and a secret, have their own keys', async t => {
  const signer = new Signer('eu-west-1', 'lambda')
  const request = parseRequest('GET / HTTP/1.1\nHost:x\n')
  const credentials = { accessKeyId: 'A', secretAccessKey: 's', sessionToken: undefined }
  const sign = (secretAccessKey: string, at: number) =>
    new Map(signer.sign(request, { ...credentials, secretAccessKey }, at)).get('authorization')
  const first = sign('s', time)
  t.not(sign('other', time), first)
  t.not(sign('s', time + 86_400_000), first)
  t.equal(sign('s', time), first)
})

t.test('what proxies change is not signed', async t => {
  const plain = parseRequest('GET / HTTP/1.1\nHost:x\n')
  const more = parseRequest(
    'GET / HTTP/1.1\nHost:x\nUser-Agent:a\nX-Amzn-Trace-Id:Root=1\nConnection:close\n',
  )
  t.equal(canonicalRequest(more), canonicalRequest(plain))
})
