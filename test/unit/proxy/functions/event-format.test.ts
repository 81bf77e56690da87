import t from 'tap'
import type { ErrorCode, ExchangeError } from '../../../../src/base/errors.ts'
import { createFault, type FaultStage } from '../../../../src/functions/fault.ts'
import type { Invocation, Invoker } from '../../../../src/functions/invocation.ts'
import { maxEventBytes } from '../../../../src/functions/queue/event-queue.ts'
import { HeaderList } from '../../../../src/http/headers.ts'
import type { RequestHead } from '../../../../src/http/message.ts'
import { Chain } from '../../../../src/proxy/exchange/filter.ts'
import { EventFormat, prefersAsync } from '../../../../src/proxy/functions/event-format.ts'
import {
  FunctionCall,
  Gathering,
  type CallFormat,
} from '../../../../src/proxy/functions/function-call.ts'
import { InvokeFormat } from '../../../../src/proxy/functions/invoke-format.ts'
import { FakeServerStream } from '../../../support/fake-streams.ts'
import { functionSpec } from '../../../support/functions/sandbox.ts'

/** A call of which the test plays the queue. */
function setUp(format: CallFormat, changes: Partial<RequestHead> = {}) {
  const invocations: Invocation[] = []
  const reasons: (ErrorCode | undefined)[] = []
  const invoker: Invoker = {
    invoke: invocation => {
      invocations.push(invocation)
      return { execution: undefined, logTail: undefined, cancel: () => {} }
    },
  }
  const chain = new Chain({
    filters: [{ onComplete: ({ reason }) => void reasons.push(reason) }],
    terminal: exchange =>
      new FunctionCall(exchange, 'e1', invoker, {
        format,
        spec: functionSpec(),
        gathering: new Gathering(64 * 1024 * 1024),
        keepsParts: false,
        describe: (call, payload) => ({
          id: call.id,
          payload,
          functionArn: 'arn',
          traceId: undefined,
          clientContext: undefined,
          deadlineAt: Number.POSITIVE_INFINITY,
          receiver: call,
        }),
      }).start(),
    now: () => 0,
  })
  const stream = new FakeServerStream({ method: 'POST', bodyLength: 1, ...changes })
  chain.handle(stream)
  const send = (body: Buffer): void => {
    stream.receiver.onBody(body)
    stream.receiver.onEnd(undefined)
  }
  return { stream, send, invocations, reasons }
}

const byInvoke = new EventFormat(new InvokeFormat(() => 0), { answersPreference: false })
const byHttp = new EventFormat(new InvokeFormat(() => 0), { answersPreference: true })

t.test('a stored event is answered with 202 and its id, and no body', async t => {
  const { stream, send, invocations } = setUp(byInvoke)
  send(Buffer.from('{"n":1}'))
  t.equal(invocations[0]?.payload.toString(), '{"n":1}')
  t.equal(stream.heads.length, 0, 'not before it is stored')
  invocations[0]?.receiver.onResult(Buffer.from('e0'), 'text/plain')
  const [head] = stream.heads
  t.match(head, { status: 202, bodyLength: 0 })
  t.equal(head?.headers.get('x-amzn-requestid'), 'e0', 'that of the first, where it came twice')
  t.equal(head?.headers.has('preference-applied'), false)
  t.strictSame([stream.body, stream.ended], ['', true])
})

t.test('who has preferred it is told that so it was', async t => {
  const { stream, send, invocations } = setUp(byHttp)
  send(Buffer.from('{}'))
  invocations[0]?.receiver.onResult(Buffer.from('e1'), 'text/plain')
  t.equal(stream.heads[0]?.headers.get('preference-applied'), 'respond-async')
})

t.test('each refusal has its status', async t => {
  const table: readonly [FaultStage, number, ErrorCode][] = [
    ['not-stored', 500, 'event_not_stored'],
    ['throttled', 429, 'function_throttled'],
    ['event-too-large', 413, 'payload_too_large'],
  ]
  for (const [stage, status, reason] of table) {
    const { stream, send, invocations, reasons } = setUp(byInvoke)
    send(Buffer.from('{}'))
    invocations[0]?.receiver.onFault(createFault(stage, 'E', 'why'))
    t.match(stream.heads[0], { status })
    t.strictSame(reasons, [reason])
  }
})

t.test('an event has as many bytes as a queue takes, to the byte', async t => {
  const event = (bytes: number): Buffer => Buffer.from(`"${'x'.repeat(bytes - 2)}"`)
  const fits = setUp(byInvoke)
  fits.send(event(maxEventBytes))
  t.equal(fits.invocations.length, 1)
  const large = setUp(byInvoke)
  large.send(event(maxEventBytes + 1))
  t.equal(large.invocations.length, 0)
  t.match(large.stream.heads, [{ status: 413 }])
  t.strictSame(large.reasons, ['payload_too_large'])
})

t.test('what its source makes counts, not what came', async t => {
  const grows: CallFormat = {
    event: () => Buffer.alloc(maxEventBytes + 1),
    result: () => {},
    fault: () => {},
    streamHead: () => {},
    streamChunk: () => true,
    streamEnd: () => {},
  }
  const { send, invocations, reasons } = setUp(new EventFormat(grows, { answersPreference: true }))
  send(Buffer.from('1'))
  t.strictSame([invocations.length, reasons], [0, ['payload_too_large']])
})

t.test('what makes no event is refused as by its source', async t => {
  const { send, invocations, reasons } = setUp(byInvoke)
  send(Buffer.from('{"n":'))
  t.strictSame([invocations.length, reasons], [0, ['payload_not_json']])
})

t.test('a caller who has gone is told nothing', async t => {
  const { stream, send, invocations } = setUp(byInvoke)
  send(Buffer.from('{}'))
  stream.receiver.onReset({ code: 'downstream_closed' } as ExchangeError)
  invocations[0]?.receiver.onResult(Buffer.from('e1'), 'text/plain')
  t.strictSame(stream.heads, [])
})

t.test('a preference for no waiting is read as RFC 7240 writes it', async t => {
  const table = [
    [['respond-async'], true],
    [['Respond-Async'], true],
    [['respond-async, wait=10'], true],
    [['wait=10 ,  respond-async'], true],
    [['return=minimal', 'respond-async'], true],
    [['respond-async; wait=10'], true],
    [['respond-async;foo="a"'], true],
    [[], false],
    [[''], false],
    [['wait=10'], false],
    [['respond-asynchronously'], false],
    [['return=respond-async'], false],
  ] as const
  for (const [fields, prefers] of table) {
    const headers = new HeaderList()
    for (const field of fields) headers.append('prefer', field)
    t.equal(prefersAsync(headers), prefers, fields.join(' | '))
  }
})
