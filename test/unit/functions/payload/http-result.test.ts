import fc from 'fast-check'
import t from 'tap'
import { httpResult, preludeHead } from '../../../../src/functions/payload/http-result.ts'

const json = 'application/json'

function resultOf(value: unknown) {
  const result = httpResult(Buffer.from(JSON.stringify(value)), json)
  return result && { ...result, body: result.body.toString() }
}

const plain = (body: string) => ({ status: 200, headers: [['content-type', json]], body })

t.test('what has no status code is the body itself', async t => {
  t.same(resultOf({ a: 1 }), plain('{"a":1}'))
  t.same(resultOf([1, 2]), plain('[1,2]'))
  t.same(resultOf(null), plain('null'))
  t.same(resultOf(true), plain('true'))
})

t.test('a text by itself goes without its quotes', async t => {
  t.same(resultOf('hello'), plain('hello'))
})

t.test('status, headers, cookies and body are as the function says', async t => {
  const result = resultOf({
    statusCode: '418',
    headers: { 'X-A': 1, 'Content-Type': 'text/plain', 'Content-Length': '9999' },
    cookies: ['a=1'],
    body: 'aGVsbG8=',
    isBase64Encoded: true,
  })
  t.same(result, {
    status: 418,
    headers: [
      ['x-a', '1'],
      ['content-type', 'text/plain'],
      ['set-cookie', 'a=1'],
    ],
    body: 'hello',
  })
})

t.test('a body that is an object goes as JSON', async t => {
  t.equal(resultOf({ statusCode: 200, body: { a: 1 } })?.body, '{"a":1}')
  t.equal(resultOf({ statusCode: 200 })?.body, '')
})

t.test('what makes no answer of HTTP is none', async t => {
  for (const bad of [
    { statusCode: 'teapot' },
    { statusCode: 99 },
    { statusCode: 101 },
    { statusCode: 600 },
    { statusCode: 200, headers: [] },
    { statusCode: 200, headers: { 'a b': '1' } },
    { statusCode: 200, headers: { a: 'b\r\nc: d' } },
    { statusCode: 200, headers: { a: { b: 1 } } },
    { statusCode: 200, cookies: 'a=1' },
    { statusCode: 200, cookies: ['a=1\r\nx: y'] },
    { statusCode: 200, cookies: [1] },
  ])
    t.equal(resultOf(bad), undefined, JSON.stringify(bad))
})

t.test('what is no JSON goes on with its own type', async t => {
  const bytes = Buffer.from([1, 2, 3])
  t.same(httpResult(bytes, 'image/png')?.headers, [['content-type', 'image/png']])
  t.same(httpResult(Buffer.from('{no'), json)?.body.toString(), '{no')
})

t.test('the head of a stream has 200 for its default', async t => {
  const headOf = (text: string) => preludeHead(Buffer.from(text))
  t.same(headOf('{}'), { status: 200, headers: [['content-type', json]] })
  t.same(headOf('{"statusCode":201,"headers":{"content-type":"a/b"}}'), {
    status: 201,
    headers: [['content-type', 'a/b']],
  })
  t.equal(headOf('no json'), undefined)
  t.equal(headOf('[]'), undefined)
})

t.test('whatever a function returns, no field of the answer can be split', async t => {
  const field = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.integer(), fc.boolean())
  const value = fc.record({
    statusCode: fc.oneof(fc.integer({ min: 0, max: 700 }), fc.string()),
    headers: fc.dictionary(fc.string(), field),
    cookies: fc.array(fc.string({ unit: 'binary' })),
    body: field,
  })
  const holds = fc.property(value, result => {
    const answer = httpResult(Buffer.from(JSON.stringify(result)), json)
    const texts = (answer?.headers ?? []).flat()
    return texts.every(text => !/[\r\n\0]/.test(text))
  })
  t.doesNotThrow(() => fc.assert(holds))
})
