import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { forEachLine } from '../../../src/base/lines.ts'

async function linesOf(...chunks: readonly (string | Buffer)[]): Promise<string[]> {
  const stream = new PassThrough()
  const lines: string[] = []
  forEachLine(stream, line => lines.push(line))
  for (const chunk of chunks) stream.write(chunk)
  stream.end()
  await once(stream, 'end')
  return lines
}

t.test('lines are put together across chunks, the last needs no end', async t => {
  t.same(await linesOf('a\nb', 'c\n\nd'), ['a', 'bc', '', 'd'])
})

t.test('a character cut in two by chunks stays whole', async t => {
  const [arrow] = [Buffer.from('→\n')]
  t.same(await linesOf(arrow.subarray(0, 1), arrow.subarray(1)), ['→'])
})

t.test('output without line ends is not gathered for ever', async t => {
  const lines = await linesOf('x'.repeat(20_000), 'y\n')
  t.same(
    lines.map(line => line.length),
    [20_000, 1],
  )
})
