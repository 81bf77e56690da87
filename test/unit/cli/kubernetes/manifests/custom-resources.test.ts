import t from 'tap'
import { customResourceDefinitions } from '../../../../../src/cli/kubernetes/manifests/custom-resources.ts'

t.test('an API server, whose engine is RE2, can read all patterns', async t => {
  const patterns = new Set<string>()
  JSON.stringify(customResourceDefinitions('1.2.3'), (key, value: unknown) => {
    if (key === 'pattern' && typeof value === 'string') patterns.add(value)
    return value
  })
  t.ok(patterns.size > 3)
  for (const pattern of patterns)
    t.notMatch(pattern, /\(\?(?!:)|\\[1-9]/, 'no look around, and no reference back')
})
