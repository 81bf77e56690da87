import t from 'tap'
import { formatRelayed, parseRelayed } from '../../../../../src/cli/up/on-demand/relayed-line.ts'

t.test('a line comes through as it was, whatever stands in it', async t => {
  for (const line of ['', 'plain', '{"level":"warn"}', 'relayed {"workload":"x"}', '"\u2028\t'])
    for (const stream of ['stdout', 'stderr'] as const) {
      const relayed = { workload: 'echo', stream, line }
      t.strictSame(parseRelayed(formatRelayed(relayed)), relayed)
      t.notMatch(formatRelayed(relayed), /\n/)
    }
})

t.test('a line of the control plane itself is none', async t => {
  t.equal(parseRelayed('{"level":"info","msg":"relayed"}'), undefined)
})
