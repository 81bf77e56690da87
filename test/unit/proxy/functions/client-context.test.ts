import fc from 'fast-check'
import t from 'tap'
import { readClientContext } from '../../../../src/proxy/functions/client-context.ts'

const encoded = (json: string): string => Buffer.from(json).toString('base64')

t.test('a context is decoded', async t => {
  t.equal(readClientContext(encoded('{ "custom": { "a": 1 } }')), '{"custom":{"a":1}}')
  t.equal(readClientContext(encoded('{}')), '{}')
})

t.test('none is none', async t => {
  t.equal(readClientContext(undefined), undefined)
  t.equal(readClientContext(''), undefined)
})

t.test('what is no JSON object in base64 is refused', async t => {
  const bad = ['{"a":1}', '!!!', encoded('{"a":'), encoded('{"a":1} x'), ' ']
  for (const field of bad) t.equal(readClientContext(field), null, field)
  for (const json of ['5', '"text"', 'null', 'true', '[1]'])
    t.equal(readClientContext(encoded(json)), null, json)
})

t.test('one that no runtime would read is refused', async t => {
  const json = (length: number): string => `{"a":"${'x'.repeat(length - 8)}"}`
  t.equal(readClientContext(encoded(json(2685)))?.length, 2685)
  t.equal(encoded(json(2685)).length, 3580)
  t.equal(readClientContext(encoded(json(2688))), null)
})

const contexts = fc.dictionary(fc.string({ unit: 'binary' }), fc.json({ maxDepth: 1 }), {
  maxKeys: 5,
})

t.test('whatever it holds can stand in a field of a header, and means the same', async t => {
  fc.assert(
    fc.property(contexts, context => {
      const field = encoded(JSON.stringify(context))
      const read = readClientContext(field)
      if (field.length > 3583) return read === null
      if (typeof read !== 'string' || !/^[ -~]*$/.test(read)) return false
      return (
        JSON.stringify(JSON.parse(read)) === JSON.stringify(JSON.parse(JSON.stringify(context)))
      )
    }),
  )
  const odd = readClientContext(encoded('{"é\u2028\u007f😀":"\\r\\n"}'))
  t.equal(odd, String.raw`{"\u00e9\u2028\u007f\ud83d\ude00":"\r\n"}`)
})
