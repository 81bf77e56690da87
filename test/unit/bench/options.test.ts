import t from 'tap'
import { parseOptions } from '../../../bench/options.ts'

t.test('no option runs everything and writes the results', async t => {
  const options = parseOptions([])
  t.strictSame(options.topologies, ['pair', 'hop'])
  t.strictSame(
    options.payloads.map(({ name }) => name),
    ['100B', '10KB', 'post-10KB', '1MB', 'h2-100B', 'grpc', 'tcp'],
  )
  t.match(options, { rounds: 3, seconds: 4, write: true })
  t.notOk('subjects' in options)
  t.notOk('loads' in options)
})

t.test('each narrowing option is read, and the results are left alone', async t => {
  const narrow = {
    '--only=hop': { topologies: ['hop'] },
    '--body=100,post-10K': { payloads: [{ name: '100B' }, { name: 'post-10KB' }] },
    '--subjects=weft,envoy': { subjects: ['weft', 'envoy'] },
    '--connections=1,10x50': {
      loads: [
        { connections: 1, streams: 1 },
        { connections: 10, streams: 50 },
      ],
    },
    '--rounds=1': { rounds: 1 },
    '--seconds=2': { seconds: 2 },
  }
  for (const [option, expected] of Object.entries(narrow)) {
    t.match(parseOptions([option]), { ...expected, write: false }, option)
  }
})

t.test('a narrowed run writes the results when asked', async t => {
  t.match(parseOptions(['--only', 'hop', '--write', '--json', 'rows.json']), {
    write: true,
    json: 'rows.json',
  })
})

t.test('what an option does not accept is refused with what it does', async t => {
  t.throws(() => parseOptions(['--only', 'chain']), { message: /pair or hop/ })
  t.throws(() => parseOptions(['--body', '2MB']), { message: /100B, 10KB, post-10KB, 1MB/ })
  t.throws(() => parseOptions(['--seconds', '0']), { message: /--seconds 0/ })
  t.throws(() => parseOptions(['--connections', '1,x']), { message: /--connections x/ })
  t.throws(() => parseOptions(['--connections', '1x2x3']), { message: /10x10/ })
  t.throws(() => parseOptions(['--turns', '3']), { code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' })
})
