import t from 'tap'
import { parseDocument } from 'yaml'
import { editNode } from '../../../../../../src/control/kubernetes/injection/manifest/edit-node.ts'
import { dialect } from '../../../../../../src/control/kubernetes/injection/manifest/yaml-dialect.ts'

function edit(text: string, after: unknown): string {
  const document = parseDocument(text, dialect)
  const before: unknown = document.toJS()
  document.contents = editNode(document, document.contents, { before, after }) as never
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}

t.test('text that some YAML takes for something else stands in quotes', async t => {
  for (const text of ['1_000', '2026-01-02', '10:30', '0o17', '.5', 'y', 'No', '~', '', '=', '1e3'])
    t.equal(edit('a: x\n', { a: text }), `a: "${text}"\n`)
  t.equal(edit('a: x\n', { a: '{"b":1}' }), `a: '{"b":1}'\n`)
  t.equal(edit('a: x\n', { a: 'plain/text.1' }), 'a: plain/text.1\n')
})

t.test('items of a list are known by their names, wherever they go', async t => {
  const text = 'l:\n  # first\n  - name: a # one\n    x: 1\n  # second\n  - name: b # two\n'
  t.equal(
    edit(text, { l: [{ name: 'new' }, { name: 'b' }, { name: 'a', x: 2 }] }),
    'l:\n  - name: new\n  # second\n  - name: b # two\n  # first\n  - name: a # one\n    x: 2\n',
  )
})

t.test('a list without names, or with one twice, is written anew', async t => {
  t.equal(edit('l: [1, 2]\n', { l: [1, 3] }), 'l:\n  - 1\n  - 3\n')
  t.equal(edit('l: [{name: a}, {name: a}]\n', { l: [{ name: 'a' }] }), 'l:\n  - name: a\n')
})

t.test('what goes leaves nothing, and what stays keeps its order', async t => {
  t.equal(edit('a: 1 # one\nb: 2\nc: {d: 3}\n', { c: { e: 4 }, a: 1 }), 'a: 1 # one\nc: {e: 4}\n')
})
