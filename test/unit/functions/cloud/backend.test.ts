import t from 'tap'
import {
  BackendError,
  failure,
  failureOf,
  healthOf,
  healthOfFailure,
} from '../../../../src/functions/cloud/backend.ts'
import { invokeCall } from '../../../support/functions/fake-clouds.ts'

t.test('only what provably did not run, or may run twice, may go elsewhere', async t => {
  const once = invokeCall()
  const often = invokeCall({ idempotent: true })
  const sent = new BackendError('reset', 'x')
  const unsent = new BackendError('connect_failed', 'x', { unsent: true })
  t.equal(failureOf(sent, once).retryable, false)
  t.equal(failureOf(sent, often).retryable, true)
  t.equal(failureOf(unsent, once).retryable, true)
  for (const code of ['aborted', 'answer_too_large'] as const)
    t.equal(failureOf(new BackendError(code, 'x'), often).retryable, false)
})

t.test('a bug is no failure of a backend', async t => {
  t.throws(() => failureOf(new TypeError('bug'), invokeCall()), { message: 'bug' })
})

t.test('neither functions nor callers count against a backend', async t => {
  const document = Buffer.from('{}')
  t.equal(healthOf({ kind: 'function-error', document, errorType: 'E' }), 'function-error')
  t.equal(healthOf(failure('aborted', '', false)), 'ignored')
  t.equal(healthOf(failure('request_too_large', '', false)), 'ignored')
  for (const code of ['throttled', 'server_error', 'connect_failed', 'credentials'] as const)
    t.equal(healthOf(failure(code, '', false)), 'failure')
  t.equal(healthOfFailure('function_failed'), 'function-error')
  const answer = { headers: [], contentType: '', body: document }
  t.equal(healthOf({ kind: 'result', form: 'http', status: 500, ...answer }), 'success')
})
