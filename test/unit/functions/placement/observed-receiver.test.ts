import t from 'tap'
import {
  createFault,
  type FaultStage,
  type FunctionFault,
} from '../../../../src/functions/fault.ts'
import { ObservedReceiver } from '../../../../src/functions/placement/observed-receiver.ts'

function setUp(takes = true) {
  const told: unknown[] = []
  const ends: unknown[] = []
  const refused: FunctionFault[] = []
  const receiver = new ObservedReceiver(
    {
      onResult: (result, contentType) => told.push(['result', result.toString(), contentType]),
      onFault: ({ stage }) => told.push(['fault', stage]),
      onStreamHead: contentType => told.push(['head', contentType]),
      onStreamChunk: chunk => {
        told.push(['chunk', chunk.toString()])
        return takes
      },
      onStreamEnd: fault => told.push(['end', fault?.stage]),
    },
    {
      onEnd: (outcome, bytes) => ends.push([outcome, bytes]),
      onRefused: fault => refused.push(fault),
    },
  )
  return { receiver, told, ends, refused }
}

const fault = (stage: FaultStage): FunctionFault => createFault(stage, 'E', 'why')

t.test('a result is passed on, and told of by its size', async t => {
  const { receiver, told, ends } = setUp()
  receiver.onResult(Buffer.from('four'), 'text/plain')
  t.strictSame(told, [['result', 'four', 'text/plain']])
  t.strictSame(ends, [['success', 4]])
})

t.test('a function that failed has run; one that found no room has not', async t => {
  for (const stage of ['handler', 'init', 'exit', 'timeout', 'too-large'] as const) {
    const { receiver, told, ends, refused } = setUp()
    receiver.onFault(fault(stage))
    t.strictSame(told, [['fault', stage]])
    t.strictSame(ends, [['function-error', fault(stage).document.length]])
    t.strictSame(refused, [])
  }
  for (const stage of ['throttled', 'ended'] as const) {
    const { receiver, told, ends, refused } = setUp()
    receiver.onFault(fault(stage))
    t.strictSame(told, [], 'its caller hears of another place')
    t.strictSame(ends, [])
    t.match(refused, [{ stage }])
  }
})

t.test('a stream is passed on chunk by chunk, and holds back who is too fast', async t => {
  for (const takes of [true, false]) {
    const { receiver, told, ends } = setUp(takes)
    receiver.onStreamHead('text/plain')
    t.equal(receiver.onStreamChunk(Buffer.from('one')), takes)
    t.equal(receiver.onStreamChunk(Buffer.from('three')), takes)
    t.strictSame(ends, [])
    receiver.onStreamEnd(undefined)
    t.strictSame(told, [
      ['head', 'text/plain'],
      ['chunk', 'one'],
      ['chunk', 'three'],
      ['end', undefined],
    ])
    t.strictSame(ends, [['success', 8]])
  }
})

t.test('one that breaks off is a failure, whatever the reason: it has begun', async t => {
  const { receiver, told, ends, refused } = setUp()
  receiver.onStreamChunk(Buffer.from('one'))
  receiver.onStreamEnd(fault('ended'))
  t.strictSame(told.at(-1), ['end', 'ended'])
  t.strictSame(ends, [['function-error', 3]])
  t.strictSame(refused, [])
})
