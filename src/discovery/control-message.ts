import { ProtocolError } from './line-decoder.ts'
import type { ControlMessage } from './message.ts'

/** Longest line a sidecar takes: a snapshot of some ten thousand endpoints. */
export const maxControlLineBytes = 64 * 1024 * 1024

type Fields = Readonly<Record<string, unknown>>

const isText = (value: unknown): boolean => typeof value === 'string'
const isNumber = (value: unknown): boolean => typeof value === 'number'
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null

const states: readonly unknown[] = ['starting', 'refused']

/**
 * Whether the fields that are read have their types. The control plane has proven its identity, so this finds
 * versions that do not fit, not malice; a snapshot's content is judged by whoever applies it.
 */
const checks: { readonly [T in ControlMessage['type']]: (fields: Fields) => boolean } = {
  signed: ({ chain, bundle }) => isText(chain) && isText(bundle),
  push: ({ nonce, version, content }) =>
    isNumber(nonce) && isText(version) && isObject(content) && isContent(content),
  registered: ({ leaseMs, features = [] }) =>
    isNumber(leaseMs) && Array.isArray(features) && features.every(isText),
  activation: ({ function: name, state, reason = '', coldMs = 0 }) =>
    isText(name) && states.includes(state) && isText(reason) && isNumber(coldMs),
  left: ({ acked }) => typeof acked === 'boolean',
  ping: () => true,
  refused: ({ reason, fatal }) => isText(reason) && typeof fatal === 'boolean',
}

function isContent({ kind, snapshot, base, changes }: Fields): boolean {
  if (kind === 'snapshot') return isObject(snapshot)
  return kind === 'delta' && isText(base) && Array.isArray(changes)
}

/** @throws ProtocolError */
export function readControlMessage(value: unknown): ControlMessage {
  if (!isObject(value)) throw new ProtocolError('a message that is not an object')
  const { type } = value
  if (typeof type !== 'string' || !Object.hasOwn(checks, type))
    throw new ProtocolError(`a message of unknown type ${JSON.stringify(type)}`)
  if (!checks[type as ControlMessage['type']](value))
    throw new ProtocolError(`a malformed message of type ${type}`)
  return value as unknown as ControlMessage
}
