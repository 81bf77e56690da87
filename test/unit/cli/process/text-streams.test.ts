import t from 'tap'
import { gather } from '../../../../src/cli/process/text-streams.ts'

async function* pieces(count: number, read: { count: number }) {
  while (read.count < count) {
    read.count++
    yield Buffer.from('ab')
  }
}

t.test('what comes in pieces is one', async t => {
  t.equal((await gather(pieces(3, { count: 0 }), 6)).toString(), 'ababab')
})

t.test('beyond the bound nothing more is read', async t => {
  const read = { count: 0 }
  const gathered = await gather(pieces(1000, read), 3)
  t.ok(gathered.length > 3 && read.count === 2)
})
