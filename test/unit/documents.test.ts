import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { parseConfiguration } from '../../src/model/configuration.ts'
import { formatProblem } from '../../src/model/problem.ts'

const root = resolve(import.meta.dirname, '../..')

/** The documents of the mesh that a file shows, one text for each place. */
function shownIn(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const blocks = [...text.matchAll(/```yaml\n([^]*?)```/g)].map(([, block = '']) => block)
  return blocks.filter(block => block.startsWith('apiVersion:'))
}

for (const file of ['README.md', 'examples/functions/README.md', 'examples/plugins/README.md'])
  t.test(`what ${file} shows of the configuration is valid`, async t => {
    const documents = shownIn(file)
    t.ok(documents.length > 0)
    for (const text of documents) {
      const { problems } = parseConfiguration([{ name: file, text }])
      t.same(problems.map(formatProblem), [])
    }
  })

t.test('what the guide to traffic policy shows is valid as one configuration', async t => {
  const file = 'docs/traffic-policy.md'
  const documents = shownIn(file)
  t.ok(documents.length > 3)
  const { problems } = parseConfiguration([{ name: file, text: documents.join('---\n') }])
  t.same(problems.map(formatProblem), [])
})
