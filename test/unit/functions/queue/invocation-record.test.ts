import t from 'tap'
import { maxEventBytes } from '../../../../src/functions/queue/event-queue.ts'
import {
  completeRecord,
  createVerdict,
  readVerdict,
  writeVerdict,
} from '../../../../src/functions/queue/invocation-record.ts'
import type { VerdictFacts } from '../../../../src/functions/queue/invocation-record.ts'

const facts: VerdictFacts = {
  requestId: 'id',
  functionArn: 'arn',
  condition: 'Success',
  invokeCount: 1,
  at: 0,
  outcome: { kind: 'success', result: Buffer.from('[1]'), version: '$LATEST' },
}

function withResult(result: Buffer): VerdictFacts {
  return { ...facts, outcome: { kind: 'success', result, version: '$LATEST' } }
}

t.test('a verdict that was stored makes the same record', async t => {
  const verdict = createVerdict(facts)
  const payload = Buffer.from('{"a":"ü"}')
  const record = completeRecord(readVerdict(writeVerdict(verdict)), payload)
  t.strictSame(record, completeRecord(verdict, payload))
  t.match(record, { requestPayload: { a: 'ü' }, responsePayload: [1] })
  t.notMatch(record.responseContext, { functionError: 'Unhandled' })
})

t.test('what is no JSON stands in it as a string', async t => {
  const verdict = createVerdict(withResult(Buffer.from('not json')))
  const record = completeRecord(verdict, Buffer.from('<xml/>'))
  t.match(record, { requestPayload: '<xml/>', responsePayload: 'not json' })
})

t.test('an event that never ran has no response', async t => {
  const verdict = createVerdict({ ...facts, condition: 'EventAgeExceeded', outcome: undefined })
  t.notOk('responseContext' in verdict)
  t.notOk('responsePayload' in verdict)
})

t.test(
  'a response that is too large is left out, sooner where the queue has to keep it',
  async t => {
    const large = JSON.stringify('x'.repeat(maxEventBytes))
    t.equal(createVerdict(withResult(Buffer.from(large))).responsePayload, null)
    const medium = createVerdict(withResult(Buffer.from(JSON.stringify('x'.repeat(300_000)))))
    t.match(medium, { responsePayload: /^x+$/ })
    t.match(readVerdict(writeVerdict(medium)), {
      responsePayload: null,
      responseContext: { statusCode: 200 },
    })
  },
)
