import fc from 'fast-check'
import t from 'tap'
import {
  applyEdits,
  removeFences,
  splitLines,
  type Edit,
} from '../../../../../src/cli/compose/file/fence.ts'

const insert: Edit = { first: 1, end: 1, lines: ['b: 2'], indent: 0 }

t.test('lines that are replaced stand in a comment, and come back as they were', async t => {
  const text = 'a: 1\n  b:\t1  \n\nc: 3\n'
  const changed = applyEdits(text, [{ first: 1, end: 3, lines: ['  b: 2'], indent: 2 }])
  t.match(
    changed,
    /^a: 1\n {2}# weft:begin [0-9a-f]{8}\n {2}# weft:was {3}b:\t1 {2}\n {2}# weft:was\n {2}b: 2\n {2}# weft:end\nc: 3\n$/,
  )
  t.strictSame(removeFences(changed), { text, count: 1, problems: [] })
})

t.test('edits that touch share a fence; others have their own', async t => {
  const edits = [{ ...insert, first: 2, end: 3 }, insert, { ...insert, end: 2 }]
  t.equal(removeFences(applyEdits('a\nb\nc\nd\n', edits)).count, 1)
  t.equal(
    removeFences(applyEdits('a\nb\nc\nd\n', [insert, { ...insert, first: 3, end: 4 }])).count,
    2,
  )
})

t.test('edits that overlap are a bug', async t => {
  t.throws(
    () =>
      applyEdits('a\nb\n', [
        { ...insert, first: 0, end: 2 },
        { ...insert, end: 2 },
      ]),
    /overlap/,
  )
})

t.test('a text without a line end at its end gets none', async t => {
  const changed = applyEdits('a: 1', [insert])
  t.match(changed, /# weft:unended\n$/)
  t.equal(removeFences(changed).text, 'a: 1')
  t.equal(removeFences(`${changed}c: 3\n`).text, 'a: 1\nc: 3\n')
})

t.test('what is changed outside of fences stays', async t => {
  const changed = applyEdits('a: 1\nc: 3\n', [insert])
  t.equal(removeFences(`# mine\n${changed}d: 4\n`).text, '# mine\na: 1\nc: 3\nd: 4\n')
})

t.test('line ends may be turned by version control', async t => {
  const changed = applyEdits('a: 1\nc: 3\n', [insert]).replaceAll('\n', '\r\n')
  t.strictSame(removeFences(changed), { text: 'a: 1\r\nc: 3\r\n', count: 1, problems: [] })
})

t.test('a fence that was changed is a problem, at its line', async t => {
  const changed = applyEdits('a: 1\nc: 3\n', [insert]).replace('b: 2', 'b: 3')
  t.match(removeFences(changed).problems, [{ line: 2, message: /was changed by hand/ }])
})

t.test('a fence without its begin or end is a problem', async t => {
  const changed = applyEdits('a: 1\nc: 3\n', [insert])
  t.match(removeFences(changed.replace(/.*weft:end\n/, '')).problems, [
    { line: 2, message: /has no "# weft:end"/ },
  ])
  t.match(removeFences(changed.replace(/.*weft:begin.*\n/, '')).problems, [
    { line: 3, message: /has no "# weft:begin"/ },
  ])
  t.match(removeFences(changed + changed.replace(/.*weft:end\n/, '')).problems, [{ line: 7 }])
  t.match(removeFences('# weft:was a\n').problems, [{ line: 1, message: /outside/ }])
  t.match(removeFences(changed.replace('b: 2', '# weft:begin 0')).problems, [
    { line: 2 },
    { line: 3 },
  ])
})

t.test('whatever the text and the edits, the text comes back', async () => {
  const line = fc.stringMatching(/^[ \ta-z#:"'-]{0,12}$/)
  const texts = fc
    .tuple(fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n'))), line)
    .map(([lines, last]) => lines.map(([text, end]) => text + end).join('') + last)
  const cuts = fc.array(fc.tuple(fc.nat(20), fc.nat(2), fc.array(line, { maxLength: 2 })))
  fc.assert(
    fc.property(texts, cuts, (text, wanted) => {
      const { length } = splitLines(text)
      let at = 0
      const edits = wanted.flatMap(([skip, size, lines]) => {
        const first = at + skip
        if (first + size > length) return []
        at = first + size
        return [{ first, end: at, lines, indent: 0 }]
      })
      return removeFences(applyEdits(text, edits)).text === text
    }),
  )
})
