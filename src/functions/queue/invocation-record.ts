import { maxEventBytes } from './event-queue.ts'
import type { Outcome } from './outcome.ts'

export type RecordCondition = 'Success' | 'RetriesExhausted' | 'EventAgeExceeded'

/**
 * What destinations are told of an event
 * (docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).
 */
export interface InvocationRecord {
  readonly version: '1.0'
  /** ISO 8601. */
  readonly timestamp: string
  readonly requestContext: {
    readonly requestId: string
    readonly functionArn: string
    readonly condition: RecordCondition
    readonly approximateInvokeCount: number
  }
  readonly requestPayload: unknown
  /** Absent, like the payload, where the function never ran to an end. */
  readonly responseContext?: {
    readonly statusCode: number
    readonly executedVersion: string
    readonly functionError?: 'Unhandled'
  }
  readonly responsePayload?: unknown
}

/** A record but for the event's own payload, which its queue has. */
export type Verdict = Omit<InvocationRecord, 'requestPayload'>

export interface VerdictFacts {
  readonly requestId: string
  readonly functionArn: string
  readonly condition: RecordCondition
  readonly invokeCount: number
  /** Wall clock, ms. */
  readonly at: number
  readonly outcome: Extract<Outcome, { kind: 'success' | 'function-error' }> | undefined
}

/** A response that is larger is left out of the record: no destination of AWS's takes one either. */
const maxResponseBytes = maxEventBytes
/** Of one that is kept in the queue until its destination can be reached. */
const maxStoredResponseBytes = 256 * 1024

export function createVerdict(facts: VerdictFacts): Verdict {
  const { requestId, functionArn, condition, invokeCount: approximateInvokeCount, outcome } = facts
  return {
    version: '1.0',
    timestamp: new Date(facts.at).toISOString(),
    requestContext: { requestId, functionArn, condition, approximateInvokeCount },
    ...(outcome !== undefined && responseOf(outcome)),
  }
}

function responseOf(outcome: NonNullable<VerdictFacts['outcome']>): Partial<Verdict> {
  const failed = outcome.kind === 'function-error'
  const bytes = failed ? outcome.document : outcome.result
  return {
    responseContext: {
      statusCode: 200,
      executedVersion: outcome.version,
      ...(failed && { functionError: 'Unhandled' }),
    },
    responsePayload: bytes.length > maxResponseBytes ? null : parsePayload(bytes),
  }
}

export function completeRecord(verdict: Verdict, payload: Buffer): InvocationRecord {
  const { version, timestamp, requestContext, ...response } = verdict
  return { version, timestamp, requestContext, requestPayload: parsePayload(payload), ...response }
}

/** For the queue to keep. */
export function writeVerdict(verdict: Verdict): string {
  const text = JSON.stringify(verdict)
  if (Buffer.byteLength(text) <= maxStoredResponseBytes) return text
  return JSON.stringify({ ...verdict, responsePayload: null })
}

/** @throws SyntaxError when it is none of ours. */
export function readVerdict(text: string): Verdict {
  return JSON.parse(text) as Verdict
}

/** What is no JSON goes as a string; it could not stand in the record otherwise. */
function parsePayload(bytes: Buffer): unknown {
  const text = bytes.toString()
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
