import { createHash, randomBytes } from 'node:crypto'
import { ExchangeError } from '../../base/errors.ts'
import type { HeaderList } from '../headers.ts'
import type { RequestHead } from '../message.ts'

const keyField = 'sec-websocket-key'
const acceptField = 'sec-websocket-accept'
/** RFC 6455 §1.3. */
const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/**
 * A client that came by HTTP/2 sends no key, because an extended CONNECT needs none (RFC 8441 §5); in HTTP/1.1 there
 * is no WebSocket without. Puts one into `head`. @returns it, or undefined when there is nothing to add.
 */
export function addWebSocketKey({ upgrade, headers }: RequestHead): string | undefined {
  if (upgrade !== 'websocket' || headers.has(keyField)) return undefined
  const key = randomBytes(16).toString('base64')
  headers.append(keyField, key)
  return key
}

/**
 * Whether the server has read our key, which is ours to check (RFC 6455 §4.1); takes its proof out.
 * @throws ExchangeError `upstream_protocol`
 */
export function takeWebSocketAccept(headers: HeaderList, key: string): void {
  const expected = createHash('sha1')
    .update(key + guid)
    .digest('base64')
  if (headers.get(acceptField) !== expected)
    throw new ExchangeError('upstream_protocol', 'the server accepted another WebSocket than ours')
  headers.delete(acceptField)
}
