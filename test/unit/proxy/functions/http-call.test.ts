import t from 'tap'
import { ExchangeError } from '../../../../src/base/errors.ts'
import { createFault, timeoutFault } from '../../../../src/functions/fault.ts'
import type { AssignedServer, Invocation, Invoked } from '../../../../src/functions/invocation.ts'
import type { RequestHead } from '../../../../src/http/message.ts'
import type { ActiveTry, Exchange } from '../../../../src/proxy/exchange/exchange.ts'
import { Chain } from '../../../../src/proxy/exchange/filter.ts'
import { answerHead } from '../../../../src/proxy/functions/function-call.ts'
import { HttpCall } from '../../../../src/proxy/functions/http-call.ts'
import { HeaderList } from '../../../../src/http/headers.ts'
import { FakeServerStream } from '../../../support/fake-streams.ts'

const described = {
  functionArn: 'arn',
  traceId: undefined,
  clientContext: undefined,
  deadlineAt: 5,
}

/** `whenInvoked`: what the host does before its call returns. */
function setUp(
  changes: Partial<RequestHead> = {},
  whenInvoked: (invocation: Invocation) => void = () => {},
) {
  const invocations: Invocation[] = []
  const forwarded: AssignedServer[] = []
  const state = { cancelled: 0, done: 0, brokeOff: false }
  let call: HttpCall | undefined
  let exchange: Exchange | undefined
  const invoke = (invocation: Invocation): Invoked => {
    invocations.push(invocation)
    whenInvoked(invocation)
    return { execution: undefined, logTail: undefined, cancel: () => void state.cancelled++ }
  }
  const chain = new Chain({
    filters: [{ onComplete: () => call?.end() }],
    terminal: served => {
      exchange = served
      call = new HttpCall(served, {
        id: 'e1',
        invoker: { invoke },
        forward: (_, assigned) => forwarded.push(assigned),
      })
      call.start(described)
    },
    now: () => 0,
  })
  const stream = new FakeServerStream(changes)
  chain.handle(stream)
  const [invocation] = invocations
  if (exchange === undefined || invocation === undefined) throw new Error('nothing was invoked')
  return { stream, exchange, receiver: invocation.receiver, invocation, forwarded, state }
}

const assigned = (state: { done: number; brokeOff: boolean }): AssignedServer => ({
  host: '127.0.0.1',
  port: 8080,
  done: brokeOff => {
    state.done++
    state.brokeOff = brokeOff
  },
})

t.test('a request waits for an instance, and goes there as it is', async t => {
  const { exchange, invocation, receiver, forwarded, state } = setUp()
  t.match(invocation, { ...described, id: 'e1' })
  t.equal(invocation.payload.length, 0, 'its body never goes through the queue')
  t.equal(exchange.request.headers.get('x-amzn-requestid'), 'e1')
  t.match(exchange.attempt, { endpointId: 'function:waiting', sending: false })
  const server = assigned(state)
  receiver.onServer?.(server)
  t.strictSame(forwarded, [server])
  t.equal(exchange.attempt, undefined, 'whoever forwards it makes its own')
  t.ok(exchange.heldUp, 'its wait is no latency of the instance')
  t.equal(state.done, 0)
})

t.test('an id that the caller made up is not passed on', async t => {
  const headers = HeaderList.of({ 'x-amzn-requestid': 'forged' })
  t.strictSame(setUp({ headers }).exchange.request.headers.getAll('x-amzn-requestid'), ['e1'])
})

t.test('an instance that is free at once is forwarded to once', async t => {
  const state = { done: 0, brokeOff: false }
  const { forwarded, exchange } = setUp({}, ({ receiver }) => receiver.onServer?.(assigned(state)))
  t.equal(forwarded.length, 1)
  t.equal(exchange.attempt, undefined)
  t.notOk(exchange.heldUp)
})

t.test('its body is held back while it waits', async t => {
  const { stream, exchange } = setUp({ method: 'POST', bodyLength: 10_000_000 })
  for (let count = 0; count < 200 && !stream.paused; count++)
    stream.receiver.onBody(Buffer.alloc(16 * 1024))
  t.equal(stream.paused, true)
  t.ok(exchange.requestBytes < 1024 * 1024)
})

t.test('the instance is free again when the exchange is over', async t => {
  const { exchange, receiver, state } = setUp()
  receiver.onServer?.(assigned(state))
  exchange.relayHead(answerHead(200, new HeaderList(), 0), true)
  t.equal(state.done, 1)
  exchange.relayEnd(undefined)
  t.equal(state.done, 1)
})

t.test('who gave the program is told that it broke off', async t => {
  const { exchange, receiver, state } = setUp()
  receiver.onServer?.(assigned(state))
  exchange.fail(new ExchangeError('connect_failed', 'refused'))
  t.strictSame([state.done, state.brokeOff], [1, true])
  const well = setUp()
  well.receiver.onServer?.(assigned(well.state))
  well.exchange.relayHead(answerHead(500, new HeaderList(), 0), true)
  t.strictSame([well.state.done, well.state.brokeOff], [1, false])
})

t.test('a caller who goes while it waits leaves the queue', async t => {
  const { stream, receiver, forwarded, state } = setUp()
  stream.receiver.onReset(new ExchangeError('downstream_closed', 'gone'))
  t.equal(state.cancelled, 1)
  receiver.onServer?.(assigned(state))
  t.strictSame(forwarded, [], 'what comes all the same is given back')
  t.equal(state.done, 1)
  receiver.onFault(createFault('throttled', 'E', ''))
  t.strictSame(stream.heads, [])
})

t.test('a limit of the route ends the wait too', async t => {
  const { exchange, state } = setUp()
  const error = new ExchangeError('upstream_timeout', 'late')
  exchange.attempt?.timeOut(error)
  exchange.fail(error)
  t.equal(state.cancelled, 1)
})

t.test('each fault has its status, and says no more than its type', async t => {
  const table = [
    [createFault('throttled', 'TooManyRequestsException', 'secret'), 429],
    [createFault('init', 'Runtime.InvalidEntrypoint', 'secret'), 502],
    [createFault('ended', 'Sandbox.Ended', 'secret'), 503],
    [timeoutFault('e1', 3000), 504],
  ] as const
  for (const [fault, status] of table) {
    const { stream, receiver, exchange, state } = setUp()
    receiver.onFault(fault)
    t.match(stream.heads, [{ status }])
    t.match(stream.body, `${fault.errorType}, request id e1`)
    t.notMatch(stream.body, /secret/)
    t.equal(exchange.completed, true)
    receiver.onServer?.(assigned(state))
    t.equal(state.done, 1)
  }
})

t.test('one that is with the program when it takes too long is ended there', async t => {
  const { stream, receiver, exchange, state } = setUp()
  receiver.onServer?.(assigned(state))
  const errors: ExchangeError[] = []
  const attempt: ActiveTry = {
    endpointId: 'x',
    sending: true,
    write: () => true,
    endRequest: () => {},
    resume: () => {},
    cancel: () => {},
    timeOut: error => errors.push(error),
  }
  exchange.attempt = attempt
  receiver.onFault(timeoutFault('e1', 3000))
  t.match(errors, [{ code: 'function_timeout' }])
  t.match(stream.heads, [{ status: 504 }])
  t.equal(state.done, 1)
})

t.test('a program that takes too long amid its answer breaks the exchange off', async t => {
  const { stream, receiver, exchange, state } = setUp()
  receiver.onServer?.(assigned(state))
  exchange.relayHead(answerHead(200, new HeaderList(), 10), false)
  receiver.onFault(timeoutFault('e1', 3000))
  t.match(stream.heads, [{ status: 200 }])
  t.match(stream.resetWith, { code: 'function_timeout' })
  t.equal(state.done, 1)
})
