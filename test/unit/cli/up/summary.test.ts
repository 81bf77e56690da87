import t from 'tap'
import { formatProcesses, formatSuggestions } from '../../../../src/cli/up/summary.ts'
import { planOf, service, workload } from './plans.ts'

function suggestionsFor(...documents: string[]): string[] {
  const { plan, configuration } = planOf(...documents)
  return formatSuggestions(plan, configuration).split('\n')
}

t.test('the table has a row for each workload, with what it lacks as a dash', async t => {
  const { plan } = planOf(
    workload('orders', '{ ports: [{ port: 1 }, { port: 2 }], run: { command: [a] } }'),
    workload('elsewhere', '{ ports: [{ port: 3 }] }'),
    workload('legacy', '{ run: { command: [a] }, sidecar: { enabled: false } }'),
  )
  const pids = new Map([
    ['orders', { application: 11, sidecar: 12 }],
    ['elsewhere', { application: undefined, sidecar: 13 }],
    ['legacy', { application: 14, sidecar: undefined }],
  ])
  t.same(formatProcesses(plan, pids).split('\n'), [
    'WORKLOAD   PORT  PID  OUTBOUND  INBOUND  ADMIN  SIDECAR PID',
    'orders     1, 2  11   15001     15008    15000  12',
    'elsewhere  3     -    15101     15108    15100  13',
    'legacy     -     14   -         -        -      -',
    'control plane: push 15012, status http://127.0.0.1:15014/status',
  ])
})

t.test('both ways into the mesh are suggested, as commands without comments', async t => {
  const spec = '{ upstreams: [{ service: payments, localPort: 4102 }] }'
  t.same(suggestionsFor(service('orders'), service('payments'), workload('orders', spec)), [
    'Try:',
    "  curl http://127.0.0.1:15001/ -H 'Host: orders'",
    'As orders calls payments:',
    '  curl http://127.0.0.1:4102/',
  ])
})

t.test('the Host names a port where the name alone would not do', async t => {
  const hostFor = (ports: string): string | undefined =>
    suggestionsFor(service('orders', ports), workload('orders'))
      .map(line => /Host: (.*)'/.exec(line)?.[1])
      .find(host => host !== undefined)
  t.equal(hostFor('[{ port: 8080 }]'), 'orders')
  t.equal(hostFor('[{ name: a, port: 8080 }, { name: b, port: 80 }]'), 'orders')
  t.equal(hostFor('[{ name: a, port: 8080 }, { name: b, port: 8081 }]'), 'orders:8080')
  t.equal(hostFor('[{ name: dns, port: 53, protocol: UDP }, { name: b, port: 8080 }]'), 'orders')
  t.equal(hostFor('[{ port: 53, protocol: UDP }]'), undefined)
})

t.test('a Service of another namespace does not select a workload', async t => {
  t.same(suggestionsFor(service('orders.test'), workload('orders')), [''])
})

t.test('there is nothing to suggest without a sidecar', async t => {
  const spec = '{ sidecar: { enabled: false } }'
  t.same(suggestionsFor(service('orders'), workload('orders', spec)), [''])
})
