import t from 'tap'
import { formatPath, formatProblem } from '../../../src/model/problem.ts'

t.test('a path is written as in a program', async t => {
  t.equal(
    formatPath(['spec', 'rules', 0, 'backendRefs', 12, 'port']),
    'spec.rules[0].backendRefs[12].port',
  )
  t.equal(formatPath([0, 'a']), '[0].a')
  t.equal(formatPath([]), '')
})

t.test('a problem is one line that an editor can jump to', async t => {
  const problem = { file: 'a/mesh.yaml', line: 12, column: 7, message: 'is odd' }
  t.equal(formatProblem({ ...problem, path: 'spec.x' }), 'a/mesh.yaml:12:7 spec.x: is odd')
  t.equal(formatProblem({ ...problem, path: '' }), 'a/mesh.yaml:12:7 is odd')
})

t.test('a problem of an object that stands in no file has its name alone', async t => {
  const problem = { file: 'Service shop/orders', line: 0, column: 0, message: 'is odd' }
  t.equal(formatProblem({ ...problem, path: 'spec.x' }), 'Service shop/orders spec.x: is odd')
})
