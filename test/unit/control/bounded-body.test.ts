import t from 'tap'
import { readBounded } from '../../../src/control/bounded-body.ts'

async function* chunks(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text)
}

t.test('a text comes whole, up to the bound', async t => {
  t.equal(await readBounded(chunks('ab', 'c'), 3), 'abc')
  await t.rejects(readBounded(chunks('ab', 'cd'), 3), /more than 3 bytes/)
})
