import { PassThrough, Readable } from 'node:stream'
import t from 'tap'
import { createFault, type FunctionFault } from '../../../src/functions/fault.ts'
import { Execution } from '../../../src/functions/invocation.ts'
import { httpPreludeType, preludeHead } from '../../../src/functions/payload/http-result.ts'
import { relayHttp, relayStream, type HttpAnswer } from '../../../src/functions/relay-answer.ts'

const fault = createFault('exit', 'Runtime.TruncatedResponse', 'broke off')

/** Takes what is relayed; `takes`: whether it has room after a chunk. */
function setUp(takes: () => boolean = () => true) {
  const told = {
    contentType: undefined as string | undefined,
    chunks: [] as string[],
    ends: [] as (FunctionFault | undefined)[],
    finished: [] as (readonly [bytes: number, error: string | undefined])[],
  }
  const ended = Promise.withResolvers<void>()
  const execution = new Execution(
    {
      id: 'e1',
      payload: Buffer.alloc(0),
      functionArn: 'arn',
      traceId: undefined,
      clientContext: undefined,
      deadlineAt: Number.POSITIVE_INFINITY,
      receiver: {
        onResult: () => {},
        onFault: () => {},
        onStreamHead: contentType => (told.contentType = contentType),
        onStreamChunk: chunk => {
          told.chunks.push(chunk.toString('latin1'))
          return takes()
        },
        onStreamEnd: broken => told.ends.push(broken),
      },
    },
    0,
    () => {},
  )
  const options = {
    faultOf: () => fault,
    onEnd: (bytes: number, error: Error | undefined): void => {
      told.finished.push([bytes, error?.message])
      ended.resolve()
    },
  }
  return { told, execution, options, ended: ended.promise }
}

async function relayed(answer: Partial<HttpAnswer>) {
  const { told, execution, options, ended } = setUp()
  relayHttp(execution, { status: 200, headers: [], body: Buffer.alloc(0), ...answer }, options)
  await ended
  const whole = Buffer.from(told.chunks.join(''), 'latin1')
  const end = whole.indexOf(Buffer.alloc(8))
  return { told, head: preludeHead(whole.subarray(0, end)), body: whole.subarray(end + 8) }
}

t.test('an answer by HTTP becomes a stream that begins with its head', async t => {
  const { told, head, body } = await relayed({
    status: 418,
    headers: [
      ['content-type', 'text/plain'],
      ['x-many', 'a'],
      ['set-cookie', 'a=1'],
      ['x-many', 'b'],
      ['set-cookie', 'b=2'],
      ['__proto__', 'odd'],
    ],
    body: Buffer.from('short'),
  })
  t.equal(told.contentType, httpPreludeType)
  t.equal(body.toString(), 'short')
  t.equal(head?.status, 418)
  t.strictSame(head?.headers, [
    ['content-type', 'text/plain'],
    ['x-many', 'a, b'],
    ['__proto__', 'odd'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ])
  t.strictSame(told.ends, [undefined])
  t.strictSame(told.finished, [[5, undefined]])
})

t.test('one without a body has a head all the same', async t => {
  const { told, head, body } = await relayed({ status: 204 })
  t.equal(head?.status, 204)
  t.equal(body.length, 0)
  t.strictSame(told.finished, [[0, undefined]])
})

t.test('a stream is relayed as it comes', async t => {
  const { told, head, body } = await relayed({
    body: Readable.from([Buffer.from('one '), Buffer.from('two')]),
  })
  t.equal(head?.status, 200)
  t.equal(body.toString(), 'one two')
  t.strictSame(told.chunks.slice(1), ['one ', 'two'])
})

t.test('no faster than it is taken', async t => {
  let room = false
  const { told, execution, options, ended } = setUp(() => room)
  const body = new PassThrough({ highWaterMark: 4 })
  relayStream(execution, { contentType: 'text/plain', first: Buffer.from('0'), body }, options)
  body.write('one ')
  body.end('two')
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  t.strictSame(told.chunks, ['0'], 'nothing follows what was too much')
  execution.resume()
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  t.strictSame(told.chunks, ['0', 'one '])
  room = true
  execution.resume()
  await ended
  t.strictSame(told.chunks, ['0', 'one ', 'two'])
  t.strictSame(told.ends, [undefined])
})

t.test('one that breaks off says so, with what came of it', async t => {
  const { told, execution, options, ended } = setUp()
  const body = new PassThrough()
  relayStream(execution, { contentType: 'text/plain', body }, options)
  body.write('half')
  await new Promise(setImmediate)
  body.destroy(new Error('reset'))
  await ended
  t.strictSame(told.chunks, ['half'])
  t.strictSame(told.ends, [fault])
  t.strictSame(told.finished, [[4, 'reset']])
  t.equal(execution.failed, true)
})

t.test('one that is destroyed without an error comes to an end too', async t => {
  const { told, execution, options, ended } = setUp()
  const body = new PassThrough()
  relayStream(execution, { contentType: 'text/plain', body }, options)
  body.destroy()
  await ended
  t.strictSame(told.ends, [fault])
})

t.test('an error behind the end changes nothing', async t => {
  const { told, execution, options, ended } = setUp()
  const body = new PassThrough({ autoDestroy: false })
  relayStream(execution, { contentType: 'text/plain', body }, options)
  body.end('all')
  await ended
  body.destroy(new Error('too late'))
  await new Promise(setImmediate)
  t.strictSame(told.ends, [undefined])
  t.strictSame(told.finished, [[3, undefined]])
  t.equal(execution.failed, false)
})

t.test(
  'an execution that is over is told nothing more, and its stream is read to the end',
  async t => {
    const { told, execution, options, ended } = setUp(() => false)
    const body = new PassThrough()
    relayStream(execution, { contentType: 'text/plain', body }, options)
    body.write('one')
    await new Promise(setImmediate)
    execution.fault(fault)
    body.end('two')
    await ended
    t.strictSame(told.chunks, ['one'])
    t.strictSame(told.ends, [fault])
  },
)
