import t from 'tap'
import { type Load, loadName, loadsFor, payloads } from '../../../bench/bench-case.ts'

function namesOf(payloadName: string, given?: readonly Load[]): string[] {
  const payload = payloads.find(({ name }) => name === payloadName)
  return payload === undefined ? [] : loadsFor(payload, given).map(loadName)
}

t.test('each protocol has loads of its own, less those too large for the payload', async t => {
  t.strictSame(namesOf('100B'), ['1', '50', '500'])
  t.strictSame(namesOf('1MB'), ['1', '50'])
  t.strictSame(namesOf('grpc'), ['1×50', '10×10', '50×10'])
  t.strictSame(namesOf('tcp'), ['1', '50'])
})

t.test('only HTTP/2 takes a load with several streams on a connection', async t => {
  const given = [
    { connections: 1, streams: 1 },
    { connections: 10, streams: 10 },
  ]
  t.strictSame(namesOf('h2-100B', given), ['1', '10×10'])
  t.strictSame(namesOf('100B', given), ['1'])
})
