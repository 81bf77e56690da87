import { ExchangeError } from '../../base/errors.ts'
import type { FunctionFault } from '../../functions/fault.ts'
import { maxEventBytes } from '../../functions/queue/event-queue.ts'
import { HeaderList } from '../../http/headers.ts'
import type { CallFormat, FunctionCall } from './function-call.ts'
import { faultCodes, requestIdHeader } from './http-format.ts'

/** RFC 7240 §4.1. */
const preference = 'respond-async'

/** Whether a caller by HTTP wants to be answered before the function has run. The field may come several times. */
export function prefersAsync(headers: HeaderList): boolean {
  return headers
    .getAll('prefer')
    .flatMap(field => field.split(','))
    .some(each => each.split(';', 1)[0]?.trim().toLowerCase() === preference)
}

/** An event that is queued: answered with 202 as soon as it is durable. */
export class EventFormat implements CallFormat {
  readonly #source: CallFormat
  readonly #answersPreference: boolean

  /** @param source makes the event. */
  constructor(source: CallFormat, { answersPreference }: { readonly answersPreference: boolean }) {
    this.#source = source
    this.#answersPreference = answersPreference
  }

  event(call: FunctionCall, body: Buffer): Buffer {
    const event = this.#source.event(call, body)
    if (event.length <= maxEventBytes) return event
    throw new ExchangeError(
      'payload_too_large',
      `an event that is queued has ${maxEventBytes} bytes at most`,
    )
  }

  /** @param id of the event: that of the first where it was sent twice. */
  result(call: FunctionCall, id: Buffer): void {
    const headers = HeaderList.of({ [requestIdHeader]: id.toString() })
    if (this.#answersPreference) headers.append('preference-applied', preference)
    call.answer(202, headers, Buffer.alloc(0))
  }

  fault(call: FunctionCall, { stage, message }: FunctionFault): void {
    call.fail(faultCodes[stage], message)
  }

  // A queue answers at once.

  streamHead(): void {}
  streamChunk(): boolean {
    return true
  }
  streamEnd(): void {}
}
