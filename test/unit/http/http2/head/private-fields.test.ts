import t from 'tap'
import { HeaderList } from '../../../../../src/http/headers.ts'
import { HeaderCase } from '../../../../../src/http/http2/head/private-fields.ts'

t.test('a spelling comes back, again and again', async t => {
  const [sender, receiver] = [new HeaderCase(), new HeaderCase()]
  for (const rawNames of [
    ['X-A', 'b'],
    ['X-A', 'b'],
    ['x-A', 'B'],
    ['X-A', 'b', 'C'],
  ]) {
    const list = new HeaderList()
    for (const name of rawNames) list.append(name.toLowerCase(), '1')
    receiver.apply(sender.encode(rawNames), list)
    t.strictSame(list.rawNames, rawNames)
  }
})

for (const value of ['X-A', 'X-A,X-B,X-C', 'X-A,X-C', '', ',', 'X-A,X-B\u00e9'])
  t.test(`the spelling '${value}' is not one of x-a and x-b`, async t => {
    const list = HeaderList.of({ 'x-a': '1', 'x-b': '2' })
    new HeaderCase().apply(value, list)
    t.equal(list.rawNames, undefined)
  })

t.test('a list may be changed without changing the next one', async t => {
  const names = new HeaderCase()
  const first = HeaderList.of({ a: '1', b: '2' })
  names.apply('A,B', first)
  first.delete('a')
  const second = HeaderList.of({ a: '1', b: '2' })
  names.apply('A,B', second)
  t.strictSame(second.rawNames, ['A', 'B'])
})

t.test('what is sent follows a list that its owner changed', async t => {
  const names = new HeaderCase()
  const rawNames = ['A', 'B']
  t.equal(names.encode(rawNames), 'A,B')
  rawNames[0] = 'a'
  t.equal(names.encode(rawNames), 'a,B')
})
