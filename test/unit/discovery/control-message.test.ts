import t from 'tap'
import { readControlMessage } from '../../../src/discovery/control-message.ts'
import { ProtocolError } from '../../../src/discovery/line-decoder.ts'
import type { ControlMessage } from '../../../src/discovery/message.ts'
import { snapshotOf } from './snapshots.ts'

const snapshot = snapshotOf({})
const push = { type: 'push', nonce: 1, version: 'v' } as const

const messages: readonly ControlMessage[] = [
  { type: 'signed', chain: 'chain', bundle: 'bundle' },
  { ...push, content: { kind: 'snapshot', snapshot } },
  { ...push, content: { kind: 'delta', base: 'u', changes: [] } },
  { type: 'registered', leaseMs: 1000 },
  { type: 'activation', function: 'echo.default', state: 'starting' },
  { type: 'left', acked: true },
  { type: 'ping' },
  { type: 'refused', reason: 'no', fatal: false },
]

t.test('every message of the control plane is read as it is', async t => {
  for (const message of messages) t.equal(readControlMessage(message), message)
})

t.test('a message that lacks a field, or has it of another type, is refused', async t => {
  for (const message of messages)
    for (const field of Object.keys(message)) {
      const { [field as 'type']: _, ...rest } = message
      t.throws(() => readControlMessage(rest), ProtocolError, `${message.type} without ${field}`)
      const changed = { ...message, [field]: field === 'nonce' ? '1' : null }
      t.throws(() => readControlMessage(changed), ProtocolError, `${message.type}, other ${field}`)
    }
})

t.test('what may be left out has its type where it is there', async t => {
  const registered = { type: 'registered', leaseMs: 1000 }
  const activation = { type: 'activation', function: 'echo.default', state: 'refused' }
  for (const message of [
    { ...registered, features: ['activation', 'of tomorrow'] },
    { ...activation, reason: 'no', coldMs: 12.5 },
  ])
    t.equal(readControlMessage(message), message)
  for (const message of [
    { ...registered, features: 'activation' },
    { ...registered, features: [1] },
    { ...activation, reason: 1 },
    { ...activation, coldMs: '1' },
  ])
    t.throws(() => readControlMessage(message), ProtocolError, JSON.stringify(message))
})

const refused: readonly unknown[] = [
  { type: 'activation', function: 'echo.default', state: 'perhaps' },
  undefined,
  null,
  1,
  'ping',
  [],
  {},
  { type: 'hello' },
  { type: 'toString' },
  { type: '__proto__' },
  { ...push, content: { kind: 'other' } },
  { ...push, content: { kind: 'delta', base: 1, changes: [] } },
  { ...push, content: { kind: 'delta', base: 'u', changes: {} } },
  { ...push, content: { kind: 'snapshot', snapshot: 'text' } },
]

for (const message of refused)
  t.test(`${JSON.stringify(message)} is no message of a control plane`, async t => {
    t.throws(() => readControlMessage(message), ProtocolError)
  })
