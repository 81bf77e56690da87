import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { parseConfiguration } from '../../src/model/configuration.ts'
import { formatProblem } from '../../src/model/problem.ts'

const root = resolve(import.meta.dirname, '../..')

for (const file of ['README.md', 'examples/functions/README.md'])
  t.test(`what ${file} shows of the configuration is valid`, async t => {
    const text = readFileSync(join(root, file), 'utf8')
    const blocks = [...text.matchAll(/```yaml\n([^]*?)```/g)].map(([, block = '']) => block)
    const documents = blocks.filter(block => block.startsWith('apiVersion:'))
    t.ok(documents.length > 0)
    for (const block of documents) {
      const { problems } = parseConfiguration([{ name: file, text: block }])
      t.same(problems.map(formatProblem), [])
    }
  })
