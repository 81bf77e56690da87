import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import t from 'tap'
import { Signer } from '../../src/functions/cloud/sigv4.ts'
import { Sha256 } from '../support/functions/fake-clouds.ts'

const region = 'eu-central-1'
const service = 'lambda'

/** All that may stand in a segment, with what is easily encoded once too often or too rarely. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(...Array.from(`%:+ /?#&=~!*'()$.-_éሴ😀`)), maxLength: 12 }),
)
const segment = text.map(encodeURIComponent).filter(part => part !== '.' && part !== '..')
const value = fc.string({
  unit: fc.constantFrom(...Array.from('aZ9 \t,;:="/')),
  maxLength: 20,
})
const headerName = fc.string({
  unit: fc.constantFrom(...Array.from('abc-XYZ0')),
  minLength: 1,
  maxLength: 12,
})

const request = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
  segments: fc.array(segment, { maxLength: 5 }),
  query: fc.dictionary(
    text.filter(name => name !== '__proto__'),
    text,
    { maxKeys: 5 },
  ),
  headers: fc.dictionary(headerName, value, { maxKeys: 4 }),
  body: fc.uint8Array({ maxLength: 64 }).map(bytes => Buffer.from(bytes)),
})

const credentials = fc.record({
  accessKeyId: fc.stringMatching(/^[A-Z0-9]{4,20}$/),
  secretAccessKey: fc.stringMatching(/^[!-~]{1,40}$/),
  sessionToken: fc.option(fc.stringMatching(/^[A-Za-z0-9+/=]{1,40}$/), { nil: undefined }),
})

const time = fc.integer({ min: Date.UTC(2000, 0), max: Date.UTC(2099, 0) })

function oncePerName(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, field]) => [`x-${name.toLowerCase()}`, field]),
  )
}

t.test('signs as the implementation of the SDK for JavaScript does', async () => {
  const signer = new Signer(region, service)
  const property = fc.asyncProperty(request, credentials, time, async (asked, key, at) => {
    const path = `/${asked.segments.join('/')}`
    const headers = { host: 'lambda.example', ...oncePerName(asked.headers) }
    const query = Object.entries(asked.query)
      .map(pair => pair.map(encodeURIComponent).join('='))
      .join('&')
    const { method, body } = asked
    const ours = signer.sign(
      { method, path, query, headers: Object.entries(headers), body },
      { ...key, sessionToken: key.sessionToken },
      at,
    )
    const { sessionToken, ...pair } = key
    const other = new SignatureV4({
      service,
      region,
      sha256: Sha256,
      applyChecksum: false,
      credentials: { ...pair, ...(sessionToken !== undefined && { sessionToken }) },
    })
    const theirs = await other.sign(
      {
        method,
        protocol: 'https:',
        hostname: 'lambda.example',
        path,
        query: asked.query,
        headers,
        body,
      },
      { signingDate: new Date(at) },
    )
    return new Map(ours).get('authorization') === theirs.headers['authorization']
  })
  await fc.assert(property, { numRuns: 200 })
})
