import t from 'tap'
import { readStatus } from '../../../../../src/control/kubernetes/api/api-status.ts'

t.test('a cause that has to be handled otherwise goes before the reason', async t => {
  const details = { retryAfterSeconds: 2, causes: [{ reason: 'ResourceVersionTooLarge' }] }
  const status = { message: 'Too large', reason: 'Timeout', code: 504, details }
  t.strictSame(readStatus(status), {
    message: 'Too large',
    reason: 'ResourceVersionTooLarge',
    code: 504,
    retryAfterMs: 2000,
  })
  t.equal(readStatus({ ...status, details: { causes: [{}] } }).reason, 'Timeout')
})

t.test('what is no status says nothing', async t => {
  const nothing = {
    message: undefined,
    reason: undefined,
    code: undefined,
    retryAfterMs: undefined,
  }
  const odd = { message: 1, reason: {}, code: 'x', details: { causes: 7, retryAfterSeconds: 'x' } }
  for (const value of [undefined, null, 'text', [], odd, { details: null }])
    t.strictSame(readStatus(value), nothing)
})
