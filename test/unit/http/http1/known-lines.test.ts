import t from 'tap'
import { fieldName, type FieldName } from '../../../../src/http/http1/field-names.ts'
import { KnownLines, type FieldLine } from '../../../../src/http/http1/known-lines.ts'

const entry = fieldName('a') as FieldName

function lineOf(text: string): FieldLine {
  return { text, rawName: 'a', entry, value: text.slice(3, -2) }
}

t.test('a line is found at its place alone, and only the latest of that place', async t => {
  const known = new KnownLines()
  const [first, second, third] = [lineOf('a: 1\r\n'), lineOf('a: 2\r\n'), lineOf('a: 3\r\n')]
  known.remember(0, first, 100)
  known.remember(1, second, 100)
  t.equal(known.find(0, first.text), first)
  t.equal(known.find(1, second.text), second)
  t.equal(known.find(1, first.text), undefined)
  known.remember(0, third, 100)
  t.equal(known.find(0, first.text), undefined)
  t.equal(known.find(0, third.text), third)
})

t.test('what is kept for a connection is bounded', async t => {
  const known = new KnownLines()
  const line = lineOf('a: 1\r\n')
  known.remember(0, line, 2049)
  t.equal(known.find(0, line.text), undefined, 'it would keep a long head alive')
  for (let index = 0; index < 100; index++) known.remember(index, line, 2048)
  t.equal(known.find(23, line.text), line)
  t.equal(known.find(24, line.text), undefined)
})
