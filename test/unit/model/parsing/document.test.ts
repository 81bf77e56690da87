import t from 'tap'
import { parseDocuments } from '../../../../src/model/parsing/document.ts'

/** `line:column` of paths in the first document of a text. */
function places(text: string, ...paths: PropertyKey[][]): string[] {
  const [document] = parseDocuments('mesh.yaml', text).documents
  return paths.map(path => {
    const { line, column } = document?.locate(path) ?? {}
    return `${line}:${column}`
  })
}

function problems(text: string): string[] {
  return parseDocuments('mesh.yaml', text).problems.map(
    ({ line, column, message }) => `${line}:${column} ${message}`,
  )
}

t.test('a field stands where its key does, an element where its value does', async t => {
  const text = `# shop
kind: Service
spec:
  ports:
    - port: 80
      name: http
    - { port: 81, name: admin }
  selector: {app: orders}
`
  t.same(
    places(
      text,
      ['kind'],
      ['spec', 'ports'],
      ['spec', 'ports', 0],
      ['spec', 'ports', 0, 'name'],
      ['spec', 'ports', 1],
      ['spec', 'ports', 1, 'name'],
      ['spec', 'selector', 'app'],
    ),
    ['2:1', '4:3', '5:7', '6:7', '7:7', '7:19', '8:14'],
  )
})

t.test('what is not there stands where the nearest thing around it does', async t => {
  const text = '\nkind: Service\nspec:\n  ports: []\n'
  t.same(
    places(text, [], ['metadata', 'name'], ['spec', 'selector', 'app'], ['spec', 'ports', 3, 'x']),
    ['2:1', '2:1', '3:1', '4:3'],
  )
})

t.test('a key that is no string, and what an alias leads to, are found', async t => {
  const text = 'labels:\n  1: a\n  true: b\nbase: &base\n  port: 80\nport: *base\n'
  t.same(places(text, ['labels', '1'], ['labels', 'true'], ['port', 'port']), ['2:3', '3:3', '6:1'])
})

t.test('lines are those of the file, in every document and with any line ends', async t => {
  for (const end of ['\n', '\r\n']) {
    const text = `\uFEFFa: 1${end}---${end}# b${end}b:${end}  c: 2${end}---${end}d: 3${end}`
    const { documents } = parseDocuments('mesh.yaml', text)
    t.same(
      documents.map(({ value }) => value),
      [{ a: 1 }, { b: { c: 2 } }, { d: 3 }],
    )
    const [first, second, third] = documents
    t.match(first?.locate(['a']), { line: 1 })
    t.same(second?.locate(['b', 'c']), { line: 5, column: 3 })
    t.same(third?.locate(['d']), { line: 7, column: 1 })
  }
})

t.test('a problem knows its file, its place and its path', async t => {
  const [document] = parseDocuments('mesh.yaml', 'a:\n  - b: 1').documents
  t.same(document?.problem(['a', 0, 'b'], 'is odd'), {
    file: 'mesh.yaml',
    line: 2,
    column: 5,
    path: 'a[0].b',
    message: 'is odd',
  })
})

t.test('empty documents are none', async t => {
  for (const text of ['', '\n', '# nothing\n', '---\n---\n', 'null\n'])
    t.same(parseDocuments('mesh.yaml', text), { documents: [], problems: [], broken: [] })
})

t.test('a document that is no YAML leaves the others as they are', async t => {
  const text = 'a: 1\n---\nb: [1\n---\nc: 1\nc: 2\n---\nd: 4\n'
  const { documents, broken } = parseDocuments('mesh.yaml', text)
  t.same(
    documents.map(({ value }) => value),
    [{ a: 1 }, { d: 4 }],
  )
  t.match(problems(text), [/^4:1 Flow sequence/, /^6:1 Map keys must be unique$/])
  t.equal(broken.length, 2)
  t.match(broken, [/b: \[1/, /c: 2/])
})

t.test('a tag that nobody knows is a problem', async t => {
  t.same(problems('a: 1\nb: !secret x\n'), ['2:4 Unresolved tag: !secret'])
})

t.test('a key that is no scalar is named like any other, without a warning', async t => {
  const warnings: Error[] = []
  const listen = (warning: Error): unknown => warnings.push(warning)
  process.on('warning', listen)
  t.teardown(() => process.off('warning', listen))
  const [document] = parseDocuments('mesh.yaml', '? [a]\n: 1\n').documents
  t.same(document?.value, { '[ a ]': 1 })
  await new Promise(resolve => setImmediate(resolve))
  t.same(warnings, [])
})

t.test('an alias repeats what its anchor holds', async t => {
  const [document] = parseDocuments('mesh.yaml', 'a: &a { b: 1 }\nc: *a\nd: *a\n').documents
  t.same(document?.value, { a: { b: 1 }, c: { b: 1 }, d: { b: 1 } })
})

t.test('an alias without an anchor is a problem where it stands', async t => {
  t.match(problems('a: 1\nb: *a\n'), [/^2:4 Unresolved alias.*a$/])
})

t.test('aliases of aliases do not multiply without end', async t => {
  const bomb = Array.from({ length: 9 }, (_, level) => {
    const content = level === 0 ? 'x' : `*a${level - 1}`
    return `a${level}: &a${level} [${Array.from({ length: 9 }, () => content).join(', ')}]`
  })
  t.match(problems(`a: 1\n---\n${bomb.join('\n')}`), [/^3:1 Excessive alias count/])
  const often = Array.from({ length: 101 }, (_, index) => `b${index}: *a`).join('\n')
  t.match(problems(`a: &a x\n${often}`), [/Excessive alias count/])
  const { documents } = parseDocuments('mesh.yaml', `a: 1\n---\n${bomb.join('\n')}\n---\nb: 2`)
  t.equal(documents.length, 2)
})

t.test('nesting without end is one problem, whatever it is made of', async t => {
  for (const text of ['['.repeat(100_000), '- '.repeat(100_000), '{a: '.repeat(100_000)]) {
    const found = problems(`${text}\n`)
    t.equal(found.length, 1)
    t.match(found, [/is nested too deep$/])
  }
})

t.test('a document is quoted with its first problems only', async t => {
  t.equal(problems(`a: ${'"b" '.repeat(1000)}`).length, 10)
})

t.test('a file of more than 8 MiB is not parsed', async t => {
  const most = 8 * 1024 * 1024
  const text = `a: "${'é'.repeat(most / 2 - 2)}"`
  t.equal(Buffer.byteLength(text), most + 1)
  t.same(problems(text), [`1:1 is larger than ${most} bytes`])
  t.same(parseDocuments('mesh.yaml', text).broken, [text])
  t.equal(parseDocuments('mesh.yaml', text.replace('é', 'e')).documents.length, 1)
})

t.test('the items of a List are documents, each with its own lines', async t => {
  const text = `apiVersion: v1
kind: List
metadata: { resourceVersion: '' }
items:
- kind: Service
  metadata: { name: orders }
- kind: Mesh
- 1
---
kind: Service
`
  const { documents, problems: found } = parseDocuments('dump.yaml', text)
  t.same(found, [])
  t.same(
    documents.map(({ value }) => value),
    [{ kind: 'Service', metadata: { name: 'orders' } }, { kind: 'Mesh' }, 1, { kind: 'Service' }],
  )
  t.same(documents[0]?.locate(['metadata', 'name']), { line: 6, column: 15 })
  t.same(documents[1]?.problem(['kind'], 'is wrong'), {
    file: 'dump.yaml',
    line: 7,
    column: 3,
    path: 'kind',
    message: 'is wrong',
  })
})

t.test('a List without items is a document, and of no kind that is known', async t => {
  for (const text of ['kind: List', 'kind: List\nitems: 1', 'kind: Other\nitems: [1]'])
    t.equal(parseDocuments('dump.yaml', text).documents.length, 1)
  t.same(parseDocuments('dump.yaml', 'kind: List\nitems: []').documents, [])
})
