import * as fc from 'fast-check'
import t from 'tap'
import { readSvid } from '../../../src/identity/certificate.ts'
import { makeLeafDer, workloadUri, x509, type LeafOptions } from './certificates.ts'

const { digitalSignature, keyCertSign, cRLSign, keyAgreement } = x509.KeyUsageFlags
const uri = (value: string): LeafOptions => ({ uris: [value] })
const id = { trustDomain: 'weft.local', namespace: 'default', serviceAccount: 'orders' }

t.test('the identity is read from the one URI name', async t => {
  t.strictSame(readSvid(await makeLeafDer()), { uri: workloadUri, id })
})

t.test('a leaf that does not say whether it is a CA is none', async t => {
  t.strictSame(readSvid(await makeLeafDer({ ca: undefined })), { uri: workloadUri, id })
})

t.test('a leaf that says no longwindedly is no CA', async t => {
  const no = Buffer.from('3003010100', 'hex')
  const extensions = [new x509.Extension('2.5.29.19', true, no)]
  t.strictSame(readSvid(await makeLeafDer({ ca: undefined, extensions })), { uri: workloadUri, id })
})

t.test('names of other kinds stand beside the URI and mean nothing', async t => {
  const dnsNames = ['payments', 'spiffe://weft.local/ns/default/sa/payments']
  t.strictSame(readSvid(await makeLeafDer({ dnsNames })), { uri: workloadUri, id })
})

const refused: readonly [what: string, leaf: LeafOptions, problem: RegExp][] = [
  ['a CA', { ca: true }, /is a CA/],
  ['a leaf without key usage', { usage: undefined }, /not to sign/],
  ['a leaf that is not to sign', { usage: keyAgreement }, /not to sign/],
  ['a leaf that may sign certificates', { usage: digitalSignature | keyCertSign }, /may sign/],
  ['a leaf that may sign revocations', { usage: digitalSignature | cRLSign }, /may sign/],
  ['a leaf without a name', { uris: [] }, /0 URI names/],
  ['a leaf with a DNS name only', { uris: [], dnsNames: ['orders'] }, /0 URI names/],
  ['a leaf with two identities', { uris: [workloadUri, workloadUri] }, /2 URI names/],
  ['a leaf with another URI beside', { uris: [workloadUri, 'https://a'] }, /2 URI names/],
  ['a web address', uri('https://weft.local/ns/default/sa/orders'), /not a SPIFFE ID/],
  ['the identity of a trust domain', uri('spiffe://weft.local'), /not a SPIFFE ID/],
  ['a name that holds a second one', uri(`${workloadUri}, URI:spiffe://b/ns/c/sa/d`), /not a SPI/],
  ['a name with a NUL', uri(`${workloadUri}\0.evil`), /not a SPIFFE ID/],
  ['a name with a line after it', uri(`${workloadUri}\n`), /not a SPIFFE ID/],
]

for (const [what, leaf, problem] of refused)
  t.test(`${what} is no identity`, async t => {
    t.match(readSvid(await makeLeafDer(leaf)), { problem })
  })

t.test('two lists of names are refused: readers could choose differently', async t => {
  const names = [{ type: 'url', value: 'spiffe://weft.local/ns/default/sa/payments' }] as const
  const second = new x509.SubjectAlternativeNameExtension([...names])
  t.match(readSvid(await makeLeafDer({ extensions: [second] })), { problem: /stands twice/ })
})

t.test('extensions whose content is not what their name says are refused', async t => {
  const instead = { '2.5.29.15': { usage: undefined }, '2.5.29.17': { uris: [] } }
  for (const [oid, leaf] of Object.entries({ ...instead, '2.5.29.19': { ca: undefined } })) {
    const extension = new x509.Extension(oid, true, Buffer.from([0x05, 0x00]))
    const der = await makeLeafDer({ ...leaf, extensions: [extension] })
    t.match(readSvid(der), { problem: /malformed/ }, oid)
  }
})

t.test('where the structure is another, nothing is guessed', async t => {
  t.match(readSvid(Buffer.from('30023100', 'hex')), { problem: /no TBSCertificate/ })
  const leaf = await makeLeafDer()
  const subjectAltName = Buffer.from('0603551d110101ff', 'hex')
  const octetString = leaf.indexOf(subjectAltName) + subjectAltName.length
  t.equal(leaf[octetString], 0x04)
  leaf[octetString] = 0x0c
  t.match(readSvid(leaf), { problem: /a malformed extension/ })
})

t.test('whatever the bytes, the reading is an answer and not an exception', async () => {
  const read = (bytes: Uint8Array): void => void readSvid(Buffer.from(bytes))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), read), { numRuns: 2000 })
})

t.test('a damaged certificate never proves another identity', async t => {
  const leaf = await makeLeafDer()
  const name = leaf.indexOf('spiffe://')
  const damage = fc.record({
    offset: fc.nat(leaf.length - 1),
    octet: fc.integer({ min: 0, max: 255 }),
    length: fc.integer({ min: 0, max: leaf.length }),
  })
  const read = ({ offset, octet, length }: { offset: number; octet: number; length: number }) => {
    const bytes = Buffer.from(leaf.subarray(0, Math.max(length, offset)))
    // Whoever could change the name itself could have signed it.
    fc.pre(offset < name || offset >= name + workloadUri.length)
    bytes[offset] = octet
    const reading = readSvid(bytes)
    return 'problem' in reading ? reading.problem !== '' : reading.uri === workloadUri
  }
  fc.assert(fc.property(damage, read), { numRuns: 2000 })
  t.match(readSvid(leaf.subarray(0, -1)), { problem: /malformed/ })
  t.match(readSvid(Buffer.concat([leaf, leaf])), { problem: /malformed/ })
})
