import t from 'tap'
import { exitFault, reportedFault, timeoutFault } from '../../../src/functions/fault.ts'

t.test('what a runtime reports is passed on as it is', async t => {
  const document = Buffer.from('{"errorMessage":"no","errorType":"KeyError","stackTrace":[]}')
  const fault = reportedFault('handler', document, undefined)
  t.match(fault, { stage: 'handler', errorType: 'KeyError', message: 'no', document })
})

t.test('a type in the header counts when it looks like one', async t => {
  const typeOf = (header: string | undefined, text = '{}') =>
    reportedFault('handler', Buffer.from(text), header).errorType
  t.equal(typeOf('Runtime.HandlerNotFound'), 'Runtime.HandlerNotFound')
  t.equal(typeOf('nonsense'), 'Function.Unknown')
  t.equal(typeOf('nonsense', '{"errorType":"E"}'), 'E')
  for (const text of ['', 'no json', 'null', '[]', '{"errorType":1}'])
    t.equal(typeOf(undefined, text), 'Function.Unknown', text)
})

t.test('an end is told in the words of Lambda', async t => {
  t.equal(
    exitFault('i', 0, null).message,
    'RequestId: i Error: Runtime exited without providing a reason',
  )
  t.equal(
    exitFault('i', 127, null).message,
    'RequestId: i Error: Runtime exited with error: exit status 127',
  )
  t.equal(
    exitFault('i', null, 'SIGKILL').message,
    'RequestId: i Error: Runtime exited with error: signal: SIGKILL',
  )
  t.equal(timeoutFault('i', 3000).message, 'RequestId: i Error: Task timed out after 3.00 seconds')
})
