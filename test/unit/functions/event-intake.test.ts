import t from 'tap'
import { EventIntake } from '../../../src/functions/event-intake.ts'
import type { FunctionFault } from '../../../src/functions/fault.ts'
import type { FunctionEvents } from '../../../src/functions/function-events.ts'
import type { NewEvent, PutResult } from '../../../src/functions/queue/event-queue.ts'

type Told = { readonly result: string; readonly contentType: string } | FunctionFault

/** Gives one event in. @returns what its caller hears, and what the queue got. */
async function give(put: (event: NewEvent) => Promise<PutResult>) {
  const events: NewEvent[] = []
  const queue: Pick<FunctionEvents, 'put'> = {
    put: event => {
      events.push(event)
      return put(event)
    },
  }
  const options = { qualifier: 'live', idempotencyKey: 'k1' }
  const intake = new EventIntake(queue as FunctionEvents, options)
  const told = Promise.withResolvers<Told>()
  let returned = false
  const tell = (what: Told): void =>
    returned ? told.resolve(what) : told.reject(new Error('told before the call had returned'))
  const invoked = intake.invoke({
    id: 'e1',
    payload: Buffer.from('{"n":1}'),
    functionArn: 'arn',
    traceId: 'Root=1',
    clientContext: '{}',
    deadlineAt: 5,
    receiver: {
      onResult: (result, contentType) => tell({ result: result.toString(), contentType }),
      onFault: tell,
      onStreamHead: () => {},
      onStreamChunk: () => true,
      onStreamEnd: () => {},
    },
  })
  returned = true
  return { told: await told.promise, events, invoked }
}

t.test('its result is the id of the event, when that is stored', async t => {
  const { told, events, invoked } = await give(async ({ id }) => ({ kind: 'stored', id }))
  t.strictSame(told, { result: 'e1', contentType: 'text/plain' })
  t.strictSame(events, [
    {
      id: 'e1',
      payload: Buffer.from('{"n":1}'),
      clientContext: '{}',
      traceId: 'Root=1',
      qualifier: 'live',
      idempotencyKey: 'k1',
    },
  ])
  t.equal(invoked.execution, undefined)
  t.equal(invoked.logTail, undefined)
  t.doesNotThrow(() => invoked.cancel())
})

t.test('of one that came before it is the id of the first', async t => {
  const { told } = await give(async () => ({ kind: 'duplicate', id: 'e0' }))
  t.match(told, { result: 'e0' })
})

t.test('each refusal says whose fault it is', async t => {
  const table = [
    ['too-large', 'event-too-large', 'RequestTooLargeException'],
    ['count', 'throttled', 'TooManyRequestsException'],
    ['bytes', 'throttled', 'TooManyRequestsException'],
    ['disk', 'not-stored', 'ServiceException'],
    ['unavailable', 'not-stored', 'ServiceException'],
  ] as const
  for (const [reason, stage, errorType] of table) {
    const { told } = await give(async () => ({ kind: 'refused', reason, detail: 'why' }))
    t.match(told, { stage, errorType, message: /why$/ }, reason)
  }
})

t.test('a queue that can’t even be opened leaves nobody without an answer', async t => {
  const { told } = await give(() => Promise.reject(new Error('no thread')))
  t.match(told, { stage: 'not-stored', errorType: 'ServiceException', message: /no thread$/ })
})
