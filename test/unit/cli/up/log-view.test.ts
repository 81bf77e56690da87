import t from 'tap'
import { formatLogLine } from '../../../../src/cli/up/log-view.ts'

const line = (fields: object): string =>
  JSON.stringify({ level: 'warn', time: 'T', workload: 'orders', msg: 'lease lost', ...fields })

t.test('a warning shows its message and the fields that add to it', async t => {
  t.equal(
    formatLogLine('orders sidecar', line({ attempt: 2, address: '127.0.0.1:15012' })),
    'orders sidecar | warn: lease lost attempt=2 address="127.0.0.1:15012"',
  )
})

t.test('an error shows what its cause said, not where it was thrown', async t => {
  const error = { message: 'connection refused', stack: 'Error: connection refused\n at …' }
  t.equal(
    formatLogLine('control plane', line({ level: 'error', error })),
    'control plane | error: lease lost: connection refused',
  )
})

t.test('an error shows its causes once', async t => {
  const cause = { message: 'listen EADDRINUSE' }
  const shown = (message: string) =>
    formatLogLine('control plane', line({ level: 'error', msg: 'x', error: { message, cause } }))
  t.equal(shown('port 1'), 'control plane | error: x: port 1: listen EADDRINUSE')
  t.equal(shown('port 1: listen EADDRINUSE'), 'control plane | error: x: port 1: listen EADDRINUSE')
})

t.test('the problems of a configuration have a line each', async t => {
  t.equal(
    formatLogLine('control plane', line({ problems: ['a.yaml:1:1 x', { path: 'y' }] })),
    'control plane | warn: lease lost\n  a.yaml:1:1 x\n  {"path":"y"}',
  )
})

t.test('the daily business of a sidecar is not shown', async t => {
  t.equal(formatLogLine('orders sidecar', line({ level: 'info' })), undefined)
  t.equal(formatLogLine('orders sidecar', line({ level: 'debug' })), undefined)
})

t.test('a line that is not of the log is shown as it is', async t => {
  t.equal(formatLogLine('x', 'Error: boom'), 'x | Error: boom')
  t.equal(formatLogLine('x', '{"a":1}'), 'x | {"a":1}')
  t.equal(formatLogLine('x', '{'), 'x | {')
})
