import t from 'tap'
import { errorTable, ExchangeError, type ErrorCode } from '../../../src/base/errors.ts'
import { renderLocalReply } from '../../../src/proxy/local-reply.ts'

t.test(
  'every code is answered with its status, its reason header and a body that says so',
  async t => {
    for (const code of Object.keys(errorTable) as ErrorCode[]) {
      const { head, body } = renderLocalReply(new ExchangeError(code, 'what happened'))
      t.equal(head.status, errorTable[code].status)
      t.equal(head.headers.get('x-weft-reason'), code)
      t.equal(head.bodyLength, body.length)
      t.match(JSON.parse(body.toString()), { error: code, message: 'what happened' })
    }
  },
)

t.test('nothing of the cause is shown to the caller', async t => {
  const secret = new Error('password=hunter2')
  const { body } = renderLocalReply(new ExchangeError('upstream_reset', 'gone', secret))
  t.notMatch(body.toString(), /hunter2/)
})
