import t from 'tap'
import { InjectedFault } from '../../../../src/proxy/exchange/injected-fault.ts'

t.test('each protocol gets the status that says the same', async t => {
  t.match(new InjectedFault({ httpStatus: 403 }, 'r'), { status: 403, grpcStatus: 7 })
  t.match(new InjectedFault({ grpcStatus: 8 }, 'r'), { status: 429, grpcStatus: 8 })
  t.equal(new InjectedFault({ httpStatus: 500 }, 'r').code, 'fault_injected')
})
