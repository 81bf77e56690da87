import { JetStreamApiError } from '@nats-io/jetstream'
import t from 'tap'
import { refusalOf } from '../../../../../src/functions/queue/jetstream/refusal.ts'

function apiError(code: number, description: string): Error {
  return new JetStreamApiError({ code: 503, err_code: code, description })
}

t.test('tells a stream that is full from a disk that is', async t => {
  for (const [error, reason] of [
    [apiError(10_077, 'maximum messages exceeded'), 'count'],
    [apiError(10_077, 'maximum messages per subject exceeded'), 'count'],
    [apiError(10_077, 'maximum bytes exceeded'), 'bytes'],
    [apiError(10_023, 'insufficient resources'), 'disk'],
    [apiError(10_047, 'insufficient storage resources available'), 'disk'],
    [apiError(10_077, 'write /data/1.blk: no space left on device'), 'disk'],
    [apiError(10_039, 'jetstream not enabled for account'), 'unavailable'],
    [Object.assign(new Error('timeout'), { name: 'TimeoutError' }), 'unavailable'],
  ] as const)
    t.match(refusalOf(error), { reason, detail: error.message })
})
