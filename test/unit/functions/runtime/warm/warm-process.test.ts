import t from 'tap'
import { warmCommand } from '../../../../../src/functions/runtime/warm/warm-process.ts'

t.test('AWS’s clients for Python and Node can be loaded ahead', async t => {
  const python = warmCommand(['python3.11', '-m', 'awslambdaric', 'a.b'])
  t.match(python, { command: ['python3.11', /\/warm-python\.py$/], rest: ['a.b'] })
  for (const client of [
    '/x/node_modules/aws-lambda-ric/index.mjs',
    '/x/aws-lambda-ric/bin/index.mjs',
  ])
    t.match(warmCommand(['node', client, 'a.b']), {
      command: ['node', /\/warm-node\.mjs$/, client],
      rest: ['a.b'],
    })
})

t.test('other programs can’t', async t => {
  for (const command of [
    [],
    ['./bootstrap'],
    ['python3', '-m', 'other', 'a.b'],
    ['node', '/x/index.mjs'],
    ['node', '--inspect', '/x/aws-lambda-ric/index.mjs'],
  ])
    t.equal(warmCommand(command), undefined)
})
