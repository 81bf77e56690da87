import { randomUUID } from 'node:crypto'
import type { EventQueue, Lease, NewEvent } from '../../../../src/functions/queue/event-queue.ts'

/** An event as good as any. */
export function newEvent(fields: Partial<NewEvent> = {}): NewEvent {
  return {
    id: randomUUID(),
    qualifier: undefined,
    payload: Buffer.from('{}'),
    clientContext: undefined,
    traceId: undefined,
    idempotencyKey: undefined,
    ...fields,
  }
}

/** The next event of a queue, which there must be within five seconds. */
export async function takeOne(queue: EventQueue, leaseMs = 60_000): Promise<Lease> {
  const [lease] = await takeUpTo(queue, 1, { leaseMs })
  if (lease === undefined) throw new Error('nothing is due')
  return lease
}

export function takeUpTo(
  queue: EventQueue,
  max: number,
  { leaseMs = 60_000, waitMs = 5000 } = {},
): Promise<readonly Lease[]> {
  return queue.take({ max, leaseMs, waitMs, signal: new AbortController().signal })
}
