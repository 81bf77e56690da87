import t from 'tap'
import { Liveness } from '../../../../src/http/http2/liveness.ts'

const keepAlive = { pingAfterMs: 100, pingTimeoutMs: 50 }

t.test('silence is asked about once, then believed', async t => {
  const liveness = new Liveness(keepAlive, 0)
  const verdicts = [50, 99, 100, 120, 149, 150].map(now => liveness.check(now, true))
  t.strictSame(verdicts, ['alive', 'alive', 'ping', 'alive', 'alive', 'dead'])
})

t.test('any read is a sign of life', async t => {
  const liveness = new Liveness(keepAlive, 0)
  t.equal(liveness.check(100, true), 'ping')
  liveness.noteRead()
  t.equal(liveness.check(160, true), 'alive')
  t.equal(liveness.silentMs(200), 40)
  t.equal(liveness.check(260, true), 'ping')
})

t.test('a peer that owes nothing may be silent', async t => {
  const liveness = new Liveness(keepAlive, 0)
  t.equal(liveness.check(10_000, false), 'alive')
})
