import t from 'tap'
import { sessionPersistence } from '../../../../../src/model/kinds/routes/session-persistence.ts'
import { checkFaults, checkTaken } from '../../schemas.ts'

t.test('a session is kept by a cookie of the browser unless it says otherwise', async t => {
  t.same(sessionPersistence.parse({}), { type: 'Cookie' })
  t.same(sessionPersistence.parse({ cookieConfig: {} }), {
    type: 'Cookie',
    cookieConfig: { lifetimeType: 'Session' },
  })
})

t.test('every field has its bounds', async t => {
  checkFaults(t, sessionPersistence, {}, [
    ['sessionName', 'a b', /no name of a cookie/],
    ['sessionName', 'a=b', /no name of a cookie/],
    ['sessionName', 'X-Weft-Port', /for sidecars/],
    ['type', 'Query', /"Cookie"/],
    ['absoluteTimeout', '0s', /longer than 0s/],
    ['idleTimeout', 'soon', /no duration/],
    ['cookieConfig.lifetimeType', 'Permanent', /Permanent cookie needs it/, 'absoluteTimeout'],
  ])
  checkFaults(t, sessionPersistence, { type: 'Header' }, [
    ['cookieConfig', {}, /means nothing for the type Header/],
    ['sessionName', 'Content-Length', /each hop writes it anew/],
    ['sessionName', 'x_weft_port', /sidecars speak/],
  ])
  checkTaken(t, sessionPersistence, { absoluteTimeout: '1h' }, [
    ['cookieConfig.lifetimeType', 'Permanent'],
    ['sessionName', 'JSESSIONID'],
    ['idleTimeout', '10m'],
  ])
})
