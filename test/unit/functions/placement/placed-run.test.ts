import { PassThrough, Readable } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import {
  BackendError,
  failure,
  type Backend,
  type BackendAnswer,
  type BackendCall,
  type BackendFailureCode,
  type BackendResult,
  type HttpParts,
} from '../../../../src/functions/cloud/backend.ts'
import { createFault, type FunctionFault } from '../../../../src/functions/fault.ts'
import { Execution, type Invocation, type Invoked } from '../../../../src/functions/invocation.ts'
import { preludeHead } from '../../../../src/functions/payload/http-result.ts'
import type { Lease, PlacedBackends } from '../../../../src/functions/placement/placed-backends.ts'
import { PlacedRun, type CallRecord } from '../../../../src/functions/placement/placed-run.ts'
import { ResidencyError } from '../../../../src/model/function/residency.ts'

type Behaviour = (call: BackendCall, signal: AbortSignal) => BackendResult | Promise<BackendResult>

interface SetUp {
  /** In the order in which they are tried; `local` is this host. */
  readonly places: Readonly<Record<string, Behaviour>>
  readonly local?: (invocation: Invocation) => Invoked
  readonly invocation?: Partial<Invocation>
  /** Whether the caller takes more after a chunk. */
  readonly takes?: () => boolean
  /** Of the next lease. */
  readonly takeFails?: () => Error | undefined
}

function setUp({ places, local, invocation, takes = () => true, takeFails }: SetUp) {
  const clock = { now: 100 }
  const settled: string[] = []
  const tried: string[] = []
  const audited: CallRecord[] = []
  const fakePlaces: Pick<PlacedBackends, 'take'> = {
    take: before => {
      const error = takeFails?.()
      if (error !== undefined) throw error
      const name = Object.keys(places).find(place => before?.has(place) !== true)
      if (name === undefined) return { backend: undefined, reason: 'all were tried' }
      tried.push(name)
      const lease: Lease = {
        backend: name,
        region: `of ${name}`,
        reason: '',
        settle: ({ outcome, ms, bytes }) => settled.push(`${name} ${outcome} ${ms} ms ${bytes} B`),
      }
      return lease
    },
  }
  const backend = (name: string): Backend | undefined => {
    const invoke = places[name]
    if (name === 'local' || invoke === undefined) return undefined
    const call = async (call: BackendCall, signal: AbortSignal) => invoke(call, signal)
    return { name, kind: 'http', region: undefined, invoke: call }
  }
  const ended = Promise.withResolvers<FunctionFault | string | undefined>()
  const told: string[] = []
  const event: Invocation = {
    id: 'e1',
    payload: Buffer.from('{}'),
    functionArn: 'arn',
    traceId: 'Root=1',
    clientContext: undefined,
    deadlineAt: Number.POSITIVE_INFINITY,
    receiver: {
      onResult: (result, contentType) => {
        told.push(`result ${contentType}`)
        ended.resolve(result.toString())
      },
      onFault: fault => {
        told.push('fault')
        ended.resolve(fault)
      },
      onStreamHead: contentType => told.push(`head ${contentType}`),
      onStreamChunk: chunk => {
        told.push(chunk.toString('latin1'))
        return takes()
      },
      onStreamEnd: fault => {
        told.push('end')
        ended.resolve(fault)
      },
    },
    ...invocation,
  }
  const run = new PlacedRun(event, {
    places: fakePlaces as PlacedBackends,
    local: { invoke: local ?? (() => idleTicket) },
    backend,
    timeoutMs: 3000,
    audit: record => audited.push(record),
    now: () => clock.now,
  })
  run.next()
  return { run, clock, settled, tried, audited, told, event, ended: ended.promise }
}

const idleTicket: Invoked = { execution: undefined, logTail: undefined, cancel: () => {} }

function answer(changes: Partial<BackendAnswer> = {}): BackendAnswer {
  return {
    kind: 'result',
    form: 'function',
    status: 200,
    headers: [],
    contentType: 'application/json',
    body: Buffer.from('"far"'),
    ...changes,
  }
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
}

const parts: HttpParts = { method: 'GET', path: '/', query: '', headers: [], body: Buffer.alloc(0) }

t.test('a backend gets the event, with the time that is left', async t => {
  const calls: BackendCall[] = []
  const far: Behaviour = call => {
    calls.push(call)
    return answer()
  }
  const places = { far }
  t.equal(await setUp({ places }).ended, '"far"')
  t.match(calls[0], {
    payloadFormat: 'invoke',
    requestId: 'e1',
    traceId: 'Root=1',
    idempotent: false,
    deadlineAt: 3100,
  })
  await setUp({ places, invocation: { deadlineAt: 500, http: parts, idempotent: true } }).ended
  t.match(calls[1], { payloadFormat: 'http', http: parts, deadlineAt: 500, idempotent: true })
})

t.test('what came of it is settled once, and written down', async t => {
  const { clock, settled, audited, ended, run } = setUp({
    places: {
      far: async () => {
        await turns()
        clock.now += 40
        return answer()
      },
    },
  })
  await ended
  run.cancel()
  t.strictSame(settled, ['far success 40 ms 5 B'])
  t.strictSame(audited, [
    { requestId: 'e1', backend: 'far', region: 'of far', outcome: 'success', ms: 40 },
  ])
})

t.test('only what provably did not run is tried elsewhere', async t => {
  const retried = setUp({
    places: { a: () => failure('connect_failed', 'away', true), b: () => answer() },
  })
  t.equal(await retried.ended, '"far"')
  t.strictSame(retried.settled, ['a failure 0 ms 0 B', 'b success 0 ms 5 B'])

  const given = setUp({ places: { a: () => failure('reset', 'broke', false), b: () => answer() } })
  t.match(await given.ended, { stage: 'backend', errorType: 'ServiceException', message: 'broke' })
  t.strictSame(given.tried, ['a'])
})

t.test('each place is tried once, and the last failure is told', async t => {
  const away: Behaviour = () => failure('connect_failed', 'away', true)
  const { ended, tried, settled } = setUp({
    places: { a: away, b: away, c: () => failure('throttled', 'slow down', true) },
  })
  t.match(await ended, { stage: 'throttled', message: 'slow down' })
  t.strictSame(tried, ['a', 'b', 'c'])
  t.equal(settled.length, 3)
})

t.test('each failure has its stage, and says of the backend what is its fault', async t => {
  const table: readonly [BackendFailureCode, FunctionFault['stage'], string][] = [
    ['throttled', 'throttled', 'failure'],
    ['overloaded', 'throttled', 'ignored'],
    ['timeout', 'timeout', 'failure'],
    ['aborted', 'backend', 'ignored'],
    ['bad_request', 'backend', 'ignored'],
    ['denied', 'backend', 'failure'],
    ['credentials', 'backend', 'failure'],
    ['encryption', 'backend', 'failure'],
  ]
  for (const [code, stage, outcome] of table) {
    const { ended, settled } = setUp({ places: { a: () => failure(code, 'why', false) } })
    t.match(await ended, { stage }, code)
    t.strictSame(settled, [`a ${outcome} 0 ms 0 B`], code)
  }
})

t.test('a function that fails elsewhere has failed, and is asked nowhere else', async t => {
  const document = Buffer.from('{"errorType":"Far"}')
  const { ended, tried, settled } = setUp({
    places: {
      a: () => ({ kind: 'function-error', errorType: 'Far', document }),
      b: () => answer(),
    },
  })
  t.match(await ended, { stage: 'handler', errorType: 'Far', document })
  t.strictSame(tried, ['a'])
  t.strictSame(settled, ['a function-error 0 ms 19 B'])
})

t.test('no place at all is told, though not before the call has returned', async t => {
  const { ended, told } = setUp({ places: {} })
  t.strictSame(told, [])
  t.match(await ended, { stage: 'not-placed', message: 'all were tried' })
})

t.test('where data may not be is the end of it', async t => {
  let takes = 0
  const { ended, tried } = setUp({
    places: { a: () => failure('connect_failed', 'away', true), b: () => answer() },
    takeFails: () => (++takes === 2 ? new ResidencyError('b lies outside') : undefined),
  })
  t.match(await ended, { stage: 'not-placed', message: 'b lies outside' })
  t.strictSame(tried, ['a'])
})

// This host

t.test('this host runs it, and its lease is settled by what came of it', async t => {
  const { run, ended, settled, event } = setUp({
    places: { local: () => answer() },
    local: invocation => {
      const execution = new Execution(invocation, 7, () => {})
      setImmediate(() => execution.result(Buffer.from('"near"'), 'application/json'))
      return { execution, logTail: Buffer.from('log'), cancel: () => {} }
    },
  })
  t.equal(run.execution?.startedAt, 7)
  t.equal(run.logTail?.toString(), 'log')
  t.equal(await ended, '"near"')
  t.strictSame(settled, ['local success 0 ms 6 B'])
  t.equal(event.id, 'e1')
})

const full = createFault('throttled', 'TooManyRequestsException', 'all are busy')
const refuses = (invocation: Invocation): Invoked => {
  setImmediate(() => invocation.receiver.onFault(full))
  return idleTicket
}

t.test('one for which this host has no room goes elsewhere', async t => {
  const { ended, settled, run } = setUp({
    places: { local: () => answer(), far: () => answer() },
    local: refuses,
  })
  t.equal(await ended, '"far"')
  t.strictSame(settled, ['local ignored 0 ms 0 B', 'far success 0 ms 5 B'])
  t.ok(run.execution instanceof Execution)
})

t.test('and where there is nowhere else its caller hears that there was none', async t => {
  const { ended, settled } = setUp({ places: { local: () => answer() }, local: refuses })
  t.equal(await ended, full)
  t.equal(settled.length, 1)
})

t.test('one that waits on this host and is cancelled has its lease settled', async t => {
  let cancelled = 0
  const { run, settled } = setUp({
    places: { local: () => answer() },
    local: () => ({ ...idleTicket, cancel: () => void cancelled++ }),
  })
  run.cancel()
  run.cancel()
  t.equal(cancelled, 2)
  t.strictSame(settled, ['local ignored 0 ms 0 B'])
})

t.test('one that runs on this host runs on, and is settled at its end', async t => {
  let execution: Execution | undefined
  const { run, settled } = setUp({
    places: { local: () => answer() },
    local: invocation => {
      execution = new Execution(invocation, 0, () => {})
      return { execution, logTail: undefined, cancel: () => {} }
    },
  })
  run.cancel()
  t.strictSame(settled, [])
  execution?.result(Buffer.from('1'), '')
  t.strictSame(settled, ['local success 0 ms 1 B'])
})

t.test('nobody is asked for a caller who has gone', async t => {
  let cancelled: Invocation | undefined
  const { run, tried, ended } = setUp({
    places: { local: () => answer(), far: () => answer() },
    local: invocation => {
      cancelled = invocation
      return idleTicket
    },
  })
  run.cancel()
  cancelled?.receiver.onFault(full)
  await ended
  t.strictSame(tried, ['local'])
})

// Cancelling

t.test('to cancel aborts the call, and tries nothing else', async t => {
  const { run, ended, tried, settled } = setUp({
    places: {
      a: (_, signal) =>
        new Promise(resolve =>
          signal.addEventListener('abort', () => resolve(failure('aborted', 'gone', true))),
        ),
      b: () => answer(),
    },
  })
  run.cancel()
  t.match(await ended, { stage: 'backend', message: 'gone' })
  t.strictSame(tried, ['a'])
  t.strictSame(settled, ['a ignored 0 ms 0 B'])
})

// Answers

t.test('an answer by HTTP goes to a caller by HTTP as it is, whatever its status', async t => {
  const { told, ended, settled } = setUp({
    places: {
      a: () =>
        answer({
          form: 'http',
          status: 503,
          headers: [['x-own', '1']],
          body: Buffer.from('busy'),
        }),
    },
    invocation: { http: parts },
  })
  await ended
  const [head = '', prelude = '', body, end] = told
  t.match(head, /^head application\/vnd\.awslambda/)
  t.match(preludeHead(Buffer.from(prelude.slice(0, -8))), {
    status: 503,
    headers: [['x-own', '1']],
  })
  t.strictSame([body, end], ['busy', 'end'])
  t.strictSame(settled, ['a success 0 ms 4 B'])
})

t.test('who did not call by HTTP can’t make anything of another status than 2xx', async t => {
  for (const form of ['function', 'http'] as const)
    for (const stream of [false, true]) {
      const body = stream ? new PassThrough() : Buffer.from('moved')
      const { ended, settled } = setUp({
        places: { a: () => answer({ form, status: 302, body }) },
      })
      t.match(await ended, { stage: 'handler', errorType: 'Function.BadStatus', message: /302/ })
      t.strictSame(settled, ['a function-error 0 ms 0 B'])
      if (stream) t.equal((body as PassThrough).destroyed, true, 'its connection is not held')
    }
})

t.test('a stream is relayed no faster than it is taken', async t => {
  let room = false
  const body = new PassThrough()
  const { run, told, ended, settled } = setUp({
    places: { a: () => answer({ contentType: 'text/plain', body }) },
    takes: () => room,
  })
  body.write('one ')
  await turns()
  body.write('two')
  await turns()
  t.strictSame(told, ['head text/plain', 'one '])
  t.equal(body.isPaused(), true)
  room = true
  run.execution?.resume()
  await turns()
  t.strictSame(told.slice(2), ['two'])
  t.strictSame(settled, [])
  body.end()
  t.equal(await ended, undefined)
  t.strictSame(settled, ['a success 0 ms 7 B'])
})

t.test('a stream that breaks off says whose fault it is', async t => {
  const table = [
    [new BackendError('reset', 'broke'), 'backend', 'failure'],
    [new BackendError('timeout', 'late'), 'timeout', 'failure'],
    [new BackendError('function_failed', 'threw'), 'handler', 'function-error'],
    [new BackendError('aborted', 'gone'), 'backend', 'ignored'],
    [new Error('anything'), 'backend', 'failure'],
  ] as const
  for (const [error, stage, outcome] of table) {
    const body = new PassThrough()
    const { ended, settled, tried } = setUp({
      places: { a: () => answer({ body }), b: () => answer() },
    })
    body.write('half')
    await turns()
    body.destroy(error)
    t.match(await ended, { stage }, error.message)
    t.strictSame(settled, [`a ${outcome} 0 ms 4 B`])
    t.strictSame(tried, ['a'], 'what has begun is not repeated')
  }
})

t.test('a caller who goes amid a stream ends it', async t => {
  const body = new PassThrough()
  const { run, ended, settled } = setUp({
    places: {
      a: (_, signal) => {
        signal.addEventListener('abort', () => body.destroy(new BackendError('aborted', 'gone')))
        return answer({ body })
      },
    },
  })
  body.write('half')
  await turns()
  run.cancel()
  await ended
  t.equal(body.destroyed, true)
  t.strictSame(settled, ['a ignored 0 ms 4 B'])
})

const behaviours: readonly Behaviour[] = [
  () => answer(),
  () => answer({ body: Readable.from([Buffer.from('x')]) }),
  () => answer({ status: 404, form: 'http' }),
  () => ({ kind: 'function-error', errorType: 'E', document: Buffer.from('{}') }),
  () => failure('reset', 'r', false),
  () => failure('connect_failed', 'c', true),
  () => failure('throttled', 't', true),
  async () => {
    await new Promise(setImmediate)
    return failure('server_error', 's', true)
  },
]

t.test('whatever places do: one outcome, each tried once, each lease settled once', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(behaviours.length - 1), { maxLength: 6 }),
      fc.option(fc.nat(6)),
      fc.boolean(),
      async (kinds, localAt, cancels) => {
        const places = Object.fromEntries(
          kinds.map((kind, index) => [
            index === localAt ? 'local' : `p${index}`,
            behaviours[kind] ?? (() => answer()),
          ]),
        )
        const { run, ended, tried, settled, told } = setUp({ places, local: refuses })
        if (cancels) run.cancel()
        await ended
        await turns()
        const outcomes = told.filter(what => /^(?:result|fault|end)/.test(what))
        if (outcomes.length !== 1) throw new Error(`told ${told.join()}`)
        if (new Set(tried).size !== tried.length) throw new Error(`tried ${tried.join()}`)
        const names = settled.map(line => line.split(' ')[0])
        if (names.length !== tried.length || !tried.every(name => names.includes(name)))
          throw new Error(`tried ${tried.join()}, settled ${settled.join()}`)
      },
    ),
    { numRuns: 300 },
  )
  t.pass('held')
})
