import fc from 'fast-check'
import t from 'tap'
import { literalElements } from '../../../../src/model/pattern/pattern-start.ts'

t.test('it is what stands before the first special character, in whole elements', async t => {
  const starts = {
    '/v1/users/[0-9]+': '/v1/users',
    '/v1/users': '/v1',
    '/v[0-9]+': '',
    '.*': '',
    '/a/b/(c|d)': '/a/b',
    '/a/b/[|]': '/a/b',
    '/a/b|/c/d': '',
    '/a/?b': '',
    '/a/*b': '',
    '/a/b/+c': '/a/b',
    '/a/{0,1}b': '',
    '/a/b\\.c/d': '/a',
  }
  for (const [pattern, start] of Object.entries(starts))
    t.equal(literalElements(pattern), start, pattern)
})

t.test('no path that matches begins otherwise', async t => {
  const piece = fc.constantFrom('/', '/a', 'a', 'b', '.', '*', '?', '+', '|', '(', ')', '[ab]')
  let matched = 0
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 8 }).map(pieces => pieces.join('')),
      fc.array(fc.constantFrom('/', 'a', 'b'), { maxLength: 6 }).map(text => `/${text.join('')}`),
      (source, path) => {
        let pattern
        try {
          pattern = new RegExp(`^(?:${source})$`)
        } catch {
          return true
        }
        if (!pattern.test(path)) return true
        matched++
        const start = literalElements(source)
        return path === start || path.startsWith(`${start}/`)
      },
    ),
    { numRuns: 20_000 },
  )
  t.ok(matched > 100, `${matched} paths matched`)
})
