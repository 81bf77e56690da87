import fc from 'fast-check'
import t from 'tap'
import {
  readExposition,
  seriesNames,
  writeFamily,
} from '../../../../src/proxy/health/exposition.ts'
import { checkExposition } from '../../../support/health/check-exposition.ts'

const rewritten = async (text: string): Promise<string> =>
  [...(await readExposition(text)).families.values()].map(writeFamily).join('')

t.test('what is in order comes out as it was', async t => {
  const text = [
    '# HELP http_requests_total Requests, by "path" and \\n more.',
    '# TYPE http_requests_total counter',
    'http_requests_total{path="/a,}{",method="GET"} 1027 1395066363000',
    'http_requests_total{path="C:\\\\d \\"q\\"\\n",} 3',
    '# TYPE rpc_seconds summary',
    'rpc_seconds{quantile="0.5"} 4.773e+03',
    'rpc_seconds_sum 1.7560473e+07',
    'rpc_seconds_count 2693',
    '# TYPE size histogram',
    'size_bucket{le="+Inf"} 2',
    'size_sum .5',
    'size_count 2',
    '# HELP odd',
    'odd{} NaN',
    'odd:rule -Inf -3982045',
    '',
  ].join('\n')
  t.equal(await rewritten(text), text)
})

t.test(
  'lines of a family that are apart are brought together, and comments are left out',
  async t => {
    const text = 'a_total 1\n\n# EOF or so\nb 2\n# HELP a_total late\na_total{x="y"} 3\n  \n#c\n'
    const together = await rewritten(text)
    t.equal(together, '# HELP a_total late\na_total 1\na_total{x="y"} 3\nb 2\n')
    t.strictSame(checkExposition(together), [])
  },
)

t.test('a last line without end counts', async t => {
  t.equal(await rewritten('a 1'), 'a 1\n')
})

t.test('a line that no scraper takes is named', async t => {
  const bad = [
    '<html>',
    'a',
    'a b',
    '1a 1',
    'a{b} 1',
    'a{b=c} 1',
    'a{b="c} 1',
    'a{b="c" d="e"} 1',
    'a{b="c",b="d"} 1',
    'a{__name__="b"} 1',
    'a{b="\\x"} 1',
    'a{b="c"} ',
    'a 1 2 3',
    'a 1 1.5',
    'a 0x1p3 # {trace_id="x"} 1',
    '{"utf8.name"} 1',
    'a 1\r',
    '# TYPE a thing',
    '# TYPE 1a counter',
    '# HELP 1a text',
  ]
  for (const line of bad)
    await t.rejects(readExposition(`good 1\n${line}\n`), { message: /^line 2 / }, line)
  await t.rejects(readExposition('a 1\n# TYPE a counter\n'), { message: /^line 2 / })
  await t.rejects(readExposition('# TYPE a counter\n# TYPE a gauge\n'), { message: /^line 2 / })
  await t.rejects(readExposition('a_sum 1\n# TYPE a histogram\n'), { message: /^line 2 / })
  await t.rejects(readExposition('# TYPE a histogram\n# TYPE a_sum gauge\n'), {
    message: /^line 2 /,
  })
  await t.rejects(readExposition('# TYPE a summary\n# HELP a_sum x\n'), { message: /^line 2 / })
})

t.test('it reads no more lines than its limit, and not all in one turn', async t => {
  const limits = { maxLines: 10, linesPerTurn: 2 }
  let turns = 0
  const count = setInterval(() => turns++, 0)
  setImmediate(function again() {
    turns++
    if (turns < 100) setImmediate(again)
  })
  await readExposition('a 1\n'.repeat(10), limits)
  clearInterval(count)
  t.ok(turns >= 4)
  await t.rejects(readExposition('a 1\n'.repeat(11), limits), { message: 'more than 10 lines' })
})

t.test('a hostile line costs no more than its length', async t => {
  const mebi = 1 << 20
  for (const line of [
    `a{${' '.repeat(mebi)}`,
    `a{b="c"${' '.repeat(mebi)}d`,
    `a${' '.repeat(mebi)}x`,
    `a 1${' '.repeat(mebi)}x`,
    `# TYPE ${'a'.repeat(mebi)} ${' '.repeat(mebi)}!`,
    `#${' '.repeat(mebi)}TYPE${' '.repeat(mebi)}`,
    `a{b="${'\\'.repeat(mebi)}`,
    `a{${'b="c",'.repeat(mebi / 8)}`,
  ])
    await readExposition(line).catch(() => {})
  t.pass('within the time of a test')
})

t.test('names of series follow from the type', async t => {
  t.strictSame(seriesNames({ name: 'a', type: 'histogram' }), ['a', 'a_bucket', 'a_sum', 'a_count'])
  t.strictSame(seriesNames({ name: 'a', type: 'summary' }), ['a', 'a_sum', 'a_count'])
  t.strictSame(seriesNames({ name: 'a', type: undefined }), ['a'])
})

t.test('whatever is taken is valid once it is in order', async () => {
  const name = fc.constantFrom('a', 'b_total', 'h', 'h_bucket', 'h_sum', 'h_count', '1x')
  const value = fc.constantFrom('1', '+Inf', 'NaN', '1e3', 'x', '1 2', '.')
  const labels = fc.constantFrom('', '{x="1"}', '{x="1",y="\\n"}', '{x="1"', '{x=1}', '{}')
  const type = fc.constantFrom('counter', 'histogram', 'summary', 'gauge', 'thing')
  const line = fc.oneof(
    fc.tuple(name, labels, value).map(([n, l, v]) => `${n}${l} ${v}`),
    fc.tuple(name, type).map(([n, y]) => `# TYPE ${n} ${y}`),
    name.map(n => `# HELP ${n} some text`),
    fc.constantFrom('', '# a comment', '#'),
  )
  // A series that the application has twice is passed on twice: a scraper keeps one of them.
  const samples = fc.uniqueArray(line, {
    selector: text => (text.startsWith('#') ? text : text.replace(/(?:\{\})? .*/, '')),
    maxLength: 12,
  })
  await fc.assert(
    fc.asyncProperty(samples, async lines => {
      const text = await rewritten(lines.join('\n')).catch(() => undefined)
      if (text === undefined) return
      const problems = checkExposition(text)
      if (problems.length > 0) throw new Error(`${problems.join('; ')} in\n${text}`)
    }),
    { numRuns: 500 },
  )
})
