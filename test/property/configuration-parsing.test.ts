import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { parseConfiguration } from '../../src/model/configuration.ts'

const mesh = readFileSync(resolve(import.meta.dirname, '../../config/mesh.yaml'), 'utf8')
const words = [
  ...'{|}|[|]|:|- |? |&a |*a|!x |"|#'.split('|'),
  ...'kind Service metadata name spec ports port 80 null __proto__ toString'.split(' '),
  '|',
  "'",
  '\t',
  '\n',
  '---\n',
]

/** The mesh that comes with the program, with some pieces of it replaced. */
const damaged = fc
  .array(fc.tuple(fc.nat(mesh.length), fc.nat(30), fc.constantFrom('', ...words)), {
    minLength: 1,
    maxLength: 5,
  })
  .map(damages =>
    damages.reduce(
      (text, [at, length, word]) => text.slice(0, at) + word + text.slice(at + length),
      mesh,
    ),
  )

const text = fc.oneof(
  { arbitrary: damaged, weight: 3 },
  fc.array(fc.constantFrom(...words), { maxLength: 40 }).map(list => list.join('')),
  fc.string({ unit: 'binary', maxLength: 100 }),
  fc.json(),
)

t.test('no text is too strange to be read, and every problem has a place in it', async t => {
  let broken = 0
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 2 }), texts => {
      const files = texts.map((content, index) => ({ name: `${index}.yaml`, text: content }))
      const { problems } = parseConfiguration(files)
      if (problems.length > 0) broken++
      return problems.every(({ file, line, column, message }) => {
        const lines = files.find(({ name }) => name === file)?.text.split('\n') ?? []
        return line >= 1 && line <= lines.length && column >= 1 && message !== ''
      })
    }),
    { numRuns: 150 },
  )
  t.ok(broken > 50, `${broken} were found broken`)
})

t.test('a file without problems has none for the damage to another', async t => {
  const [first = ''] = mesh.split(/^---$/m).slice(1)
  fc.assert(
    fc.property(text, other => {
      const files = [
        { name: 'good.yaml', text: first },
        { name: 'other.yaml', text: other.replaceAll('storefront', 'elsewhere') },
      ]
      return parseConfiguration(files).problems.every(({ file }) => file === 'other.yaml')
    }),
    { numRuns: 150 },
  )
  t.same(parseConfiguration([{ name: 'good.yaml', text: first }]).problems, [])
})
