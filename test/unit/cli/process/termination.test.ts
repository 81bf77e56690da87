import { EventEmitter } from 'node:events'
import t from 'tap'
import { TerminationListener } from '../../../../src/cli/process/termination.ts'

t.test('the first and the second cause are told apart', async t => {
  const source = new EventEmitter()
  using termination = new TerminationListener(source)
  const error = new Error('bug')
  source.emit('SIGHUP')
  source.emit('uncaughtException', error)
  source.emit('SIGINT')
  t.same(await termination.first, { kind: 'signal' })
  t.same(await termination.second, { kind: 'crash', error })
})

t.test('nothing listens once it is disposed of', async t => {
  const source = new EventEmitter()
  new TerminationListener(source)[Symbol.dispose]()
  t.same(source.eventNames(), [])
})
