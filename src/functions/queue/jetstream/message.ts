import { createHash } from 'node:crypto'
import type { JsMsg } from '@nats-io/jetstream'
import type { QueuedEvent } from '../event-queue.ts'

/** Carries all of an event but its payload: base64, as client contexts may hold line breaks. */
export const eventHeader = 'Weft-Event'

/** What stands in the header. */
export interface MessageFields {
  readonly id: string
  readonly qualifier?: string | undefined
  readonly clientContext?: string | undefined
  readonly traceId?: string | undefined
  readonly enqueuedAt: number
  readonly attempts: number
  readonly throttles: number
  /** Wall clock, ms; it was stored `delayMs` before. */
  readonly dueAt?: number | undefined
  readonly delayMs?: number | undefined
  /** A verdict stands behind the payload, which has so many bytes. */
  readonly payloadBytes?: number | undefined
}

export function encodeFields(fields: MessageFields): string {
  return Buffer.from(JSON.stringify(fields)).toString('base64')
}

/** Undefined for what is none of ours: whoever may publish may publish anything. */
export function readFields(message: Pick<JsMsg, 'headers'>): MessageFields | undefined {
  try {
    const text = Buffer.from(message.headers?.get(eventHeader) ?? '', 'base64').toString()
    const fields = JSON.parse(text) as MessageFields
    const { id, enqueuedAt, attempts, throttles } = fields
    const numbers = [enqueuedAt, attempts, throttles].every(Number.isFinite)
    return typeof id === 'string' && numbers ? fields : undefined
  } catch {
    return undefined
  }
}

/** @param at wall clock, ms. */
export function readEvent(
  message: Pick<JsMsg, 'data' | 'info'>,
  fields: MessageFields,
  at: number,
): QueuedEvent {
  const { id, qualifier, clientContext, traceId, enqueuedAt, attempts, payloadBytes } = fields
  const body = Buffer.from(message.data.buffer, message.data.byteOffset, message.data.byteLength)
  // The first delivery of one that was to wait has only told the server to wait.
  const deliveries = message.info.deliveryCount - (fields.dueAt === undefined ? 1 : 2)
  return {
    id,
    qualifier,
    clientContext,
    traceId,
    enqueuedAt,
    attempts,
    payload: body.subarray(0, payloadBytes),
    ageMs: Math.max(0, at - enqueuedAt),
    throttles: fields.throttles + Math.max(0, deliveries),
    verdict: payloadBytes === undefined ? undefined : body.toString('utf8', payloadBytes),
  }
}

/**
 * How long a message has still to wait. Asked at its first delivery only: from then on the server counts, whatever our
 * clock says.
 */
export function remainingMs(
  message: Pick<JsMsg, 'info'>,
  { dueAt, delayMs = 0 }: MessageFields,
  at: number,
): number {
  if (dueAt === undefined || message.info.deliveryCount > 1) return 0
  return Math.max(0, Math.min(dueAt - at, delayMs))
}

/** The same key gives the same id, on any machine: the server does not say which event came first. */
export function idOfKey(subject: string, key: string): string {
  const hex = createHash('sha256').update(`${subject}\0${key}`).digest('hex')
  // Version 8 of RFC 9562: bits of our own making.
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
