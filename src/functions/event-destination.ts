import { Agent, request } from 'undici'
import { functionDestination } from '../model/function/function-events.ts'
import type { Deliver } from './queue/delivery.ts'
import { maxEventBytes } from './queue/event-queue.ts'
import type { InvocationRecord } from './queue/invocation-record.ts'

const timeoutMs = 30_000

/**
 * Brings records of events to who is to hear of them: a function of the mesh, by its queue, or a URL.
 * @param invokeUrl base of the Invoke API of this sidecar.
 */
export function createDestinations(invokeUrl: () => string): {
  readonly deliver: Deliver
  close(): Promise<void>
} {
  const dispatcher = new Agent({
    connections: 4,
    connect: { timeout: 5000 },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  })
  const deliver: Deliver = async (destination, record, signal) => {
    const { url, headers } = targetOf(destination, invokeUrl)
    const { statusCode, body } = await request(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        // A record that comes twice, since its taker's answer was lost, is known again by this.
        'idempotency-key': `${record.requestContext.requestId}-${record.requestContext.condition}`,
        ...headers,
      },
      body: destination.startsWith(functionDestination) ? fitted(record) : JSON.stringify(record),
      dispatcher,
      signal,
    })
    await body.dump()
    if (statusCode < 200 || statusCode > 299)
      throw new Error(`${destination} answered ${statusCode}`)
  }
  return { deliver, close: () => dispatcher.destroy() }
}

/** A queue would never take a larger one, and its event would wait for that for ever: payloads are left out. */
function fitted(record: InvocationRecord): string {
  const whole = JSON.stringify(record)
  if (Buffer.byteLength(whole) <= maxEventBytes) return whole
  const withoutResponse = JSON.stringify({ ...record, responsePayload: null })
  if (Buffer.byteLength(withoutResponse) <= maxEventBytes) return withoutResponse
  return JSON.stringify({ ...record, requestPayload: null, responsePayload: null })
}

function targetOf(
  destination: string,
  invokeUrl: () => string,
): { readonly url: string; readonly headers: Readonly<Record<string, string>> } {
  if (!destination.startsWith(functionDestination)) return { url: destination, headers: {} }
  const name = encodeURIComponent(destination.slice(functionDestination.length))
  return {
    url: `${invokeUrl()}/2015-03-31/functions/${name}/invocations`,
    headers: { 'x-amz-invocation-type': 'Event' },
  }
}
