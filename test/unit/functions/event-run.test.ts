import t from 'tap'
import { EventRun } from '../../../src/functions/event-run.ts'
import { createFault, exitFault, timeoutFault } from '../../../src/functions/fault.ts'
import type { InvocationReceiver, Invoker } from '../../../src/functions/invocation.ts'
import type { Outcome } from '../../../src/functions/queue/outcome.ts'
import { maxPayloadBytes } from '../../../src/model/function/function.ts'

const invocation = {
  id: 'e1',
  payload: Buffer.from('{}'),
  functionArn: 'arn',
  traceId: undefined,
  clientContext: undefined,
  deadlineAt: Number.POSITIVE_INFINITY,
}

/** A run whose function answers what the test says. */
function start() {
  const abandon = new AbortController()
  const state = { cancelled: 0 }
  let receiver: InvocationReceiver | undefined
  const invoker: Invoker = {
    invoke: invoked => {
      receiver = invoked.receiver
      return { execution: undefined, logTail: undefined, cancel: () => void state.cancelled++ }
    },
  }
  const run = (signal = abandon.signal): Promise<Outcome> =>
    EventRun.run(invoker, invocation, { version: '7', signal })
  const outcome = run()
  if (receiver === undefined) throw new Error('nothing was invoked')
  return { outcome, receiver, abandon, state, run }
}

t.test('what the function returns is its result, by its version', async t => {
  const { outcome, receiver, state } = start()
  receiver.onResult(Buffer.from('"done"'), 'application/json')
  t.match(await outcome, { kind: 'success', version: '7' })
  t.equal(((await outcome) as { result: Buffer }).result.toString(), '"done"')
  t.equal(state.cancelled, 0)
})

t.test('only what the function did itself counts as its failure', async t => {
  const faults = [
    [createFault('handler', 'TypeError', 'no'), 'function-error'],
    [createFault('init', 'Runtime.ImportModuleError', 'no module'), 'function-error'],
    [exitFault('e1', 3, null), 'function-error'],
    [timeoutFault('e1', 3000), 'function-error'],
    [createFault('too-large', 'Function.ResponseSizeTooLarge', 'large'), 'function-error'],
    [createFault('throttled', 'TooManyRequestsException', 'full'), 'throttled'],
    [createFault('ended', 'Sandbox.Ended', 'the sidecar ends'), 'unavailable'],
    [createFault('not-placed', 'ServiceException', 'nowhere'), 'unavailable'],
    [createFault('backend', 'ServiceException', 'the cloud is down'), 'system-error'],
  ] as const
  for (const [fault, kind] of faults) {
    const { outcome, receiver } = start()
    receiver.onFault(fault)
    const expected =
      kind === 'function-error'
        ? { kind, errorType: fault.errorType, document: fault.document, version: '7' }
        : { kind, detail: fault.message }
    t.strictSame(await outcome, expected, fault.stage)
  }
})

t.test('a stream becomes one result; its chunks were only lent', async t => {
  const { outcome, receiver } = start()
  const lent = Buffer.from('one ')
  receiver.onStreamHead('text/plain')
  t.equal(receiver.onStreamChunk(lent), true)
  lent.fill('x')
  receiver.onStreamChunk(Buffer.from('two'))
  receiver.onStreamEnd(undefined)
  t.strictSame(await outcome, { kind: 'success', result: Buffer.from('one two'), version: '7' })
})

t.test('a stream that breaks off is a failure, as any other', async t => {
  const { outcome, receiver } = start()
  receiver.onStreamChunk(Buffer.from('half'))
  receiver.onStreamEnd(createFault('exit', 'Runtime.TruncatedResponse', 'broke off'))
  t.match(await outcome, { kind: 'function-error', errorType: 'Runtime.TruncatedResponse' })
})

t.test('of an endless stream no more is kept than a result may have', async t => {
  const { outcome, receiver } = start()
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  for (let count = 0; count < 50; count++) t.equal(receiver.onStreamChunk(chunk), true)
  receiver.onStreamChunk(Buffer.from('x'))
  receiver.onStreamEnd(undefined)
  const { result } = (await outcome) as { result: Buffer }
  t.ok(result.length <= maxPayloadBytes, `${result.length}`)
})

t.test('one that is given up is cancelled, and what comes of it then is nobody’s', async t => {
  const { outcome, receiver, abandon, state } = start()
  abandon.abort()
  t.match(await outcome, { kind: 'system-error' })
  t.equal(state.cancelled, 1)
  receiver.onResult(Buffer.from('1'), 'application/json')
  t.match(await outcome, { kind: 'system-error' })
})

t.test('an end that comes after the answer cancels nothing', async t => {
  const { outcome, receiver, abandon, state } = start()
  receiver.onResult(Buffer.from('1'), 'application/json')
  await outcome
  abandon.abort()
  t.equal(state.cancelled, 0)
})

t.test('one that was given up before it began comes to an end too', async t => {
  const { run, state } = start()
  t.match(await run(AbortSignal.abort()), { kind: 'system-error' })
  t.equal(state.cancelled, 1)
})
