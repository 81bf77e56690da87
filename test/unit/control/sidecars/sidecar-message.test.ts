import fc from 'fast-check'
import t from 'tap'
import { readSidecarMessage } from '../../../../src/control/sidecars/sidecar-message.ts'
import { ProtocolError } from '../../../../src/discovery/line-decoder.ts'
import type { SidecarMessage } from '../../../../src/discovery/message.ts'

const workload = { namespace: 'default', name: 'orders-1' }
const hello = { type: 'hello', protocol: 1, workload, services: '*', build: 'test' } as const
const register = {
  type: 'register',
  address: '10.0.0.1',
  ports: [8080],
  meshPort: 15_008,
  ready: true,
} as const
const nack = { type: 'nack', nonce: 1, version: 'v', problems: [] } as const

const messages: readonly SidecarMessage[] = [
  { type: 'sign', publicKey: 'AAAA', proof: 'AAAA' },
  { type: 'sign', publicKey: 'AAAA', proof: 'AAAA', token: 'token' },
  hello,
  { ...hello, services: ['orders.default'], version: 'v' },
  register,
  { ...register, address: 'fd00::1', zone: 'eu-1', ports: [] },
  { ...register, address: 'orders-1.shop' },
  { type: 'ready', ready: false },
  { type: 'subscribe', services: '*' },
  { type: 'ack', nonce: 0, version: 'v' },
  { ...nack, problems: [{ path: 'clusters', message: 'no' }] },
  { ...nack, wants: 'snapshot' },
  { type: 'leave' },
  { type: 'pong' },
  { type: 'activate', function: 'echo.default', waiting: 3 },
  { type: 'load', function: 'echo.default', active: 0.5, queued: 0, ready: 1 },
]

t.test('every message of a sidecar is read as it is', async t => {
  for (const message of messages) t.strictSame(readSidecarMessage(message), message)
})

t.test('a message that lacks a field, or has it of another type, is refused', async t => {
  const optional = new Set(['token', 'version', 'zone', 'wants'])
  for (const message of messages)
    for (const field of Object.keys(message)) {
      const changed = { ...message, [field]: Symbol.iterator }
      t.throws(() => readSidecarMessage(changed), ProtocolError, `${message.type}, other ${field}`)
      if (optional.has(field) && message.type !== 'ack' && message.type !== 'nack') continue
      if (field === 'wants') continue
      const { [field as 'type']: _, ...rest } = message
      t.throws(() => readSidecarMessage(rest), ProtocolError, `${message.type} without ${field}`)
    }
})

const refused: Record<string, unknown> = {
  'no object': 'hello',
  nothing: null,
  'another type': { type: 'constructor' },
  'a function that is a path': { type: 'activate', function: '../echo', waiting: 1 },
  'a function without a namespace': { type: 'activate', function: 'echo', waiting: 1 },
  'a negative load': { type: 'load', function: 'a.b', active: -1, queued: 0, ready: 0 },
  'an endless load': { type: 'load', function: 'a.b', active: 1e9, queued: 0, ready: 0 },
  'another protocol': { ...hello, protocol: 2 },
  'a name that leads elsewhere': { ...hello, workload: { namespace: 'a/b', name: 'c' } },
  'a name that is a path': { ...hello, workload: { namespace: '..', name: 'c' } },
  'too many services': { ...hello, services: Array.from({ length: 2001 }, () => 'a') },
  'a very long version': { ...hello, version: 'v'.repeat(129) },
  'an address that is none': { ...register, address: 'a b' },
  'an address with a port': { ...register, address: 'a/../b' },
  'no address': { ...register, address: '' },
  'too many ports': { ...register, ports: Array.from({ length: 65 }, () => 1) },
  'port 0': { ...register, meshPort: 0 },
  'a port beyond the last': { ...register, ports: [65_536] },
  'half a port': { ...register, ports: [80.5] },
  'a negative nonce': { type: 'ack', nonce: -1, version: 'v' },
  'a key that is not base64': { type: 'sign', publicKey: '{}', proof: 'AAAA' },
  'a key that is very long': { type: 'sign', publicKey: 'A'.repeat(1028), proof: 'AAAA' },
}

for (const [what, message] of Object.entries(refused))
  t.test(`${what} is refused`, async t => {
    t.throws(() => readSidecarMessage(message), ProtocolError)
  })

t.test('what was not asked for is left out', async t => {
  const more = { ...register, labels: { app: 'payments' }, identity: 'spiffe://other' }
  t.strictSame(readSidecarMessage(more), register)
})

t.test('of very many problems the first hundred are kept', async t => {
  const problems = Array.from({ length: 150 }, (_, index) => ({ path: '', message: `${index}` }))
  t.strictSame(readSidecarMessage({ ...nack, problems }), {
    ...nack,
    problems: problems.slice(0, 100),
  })
})

t.test('a refusal says what is wrong', async t => {
  t.throws(() => readSidecarMessage({ ...hello, workload: { namespace: 'a' } }), {
    message: /workload\.name: /,
  })
})

t.test('whatever it is, the outcome is a message or a ProtocolError', async () => {
  const type = fc.constantFrom(...messages.map(message => message.type))
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.record({ type, nonce: fc.jsonValue(), services: fc.jsonValue(), problems: fc.jsonValue() }),
  )
  const read = (message: unknown): boolean => {
    try {
      readSidecarMessage(message)
      return true
    } catch (error) {
      return error instanceof ProtocolError
    }
  }
  fc.assert(fc.property(value, read), { numRuns: 300 })
})
