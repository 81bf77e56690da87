import t from 'tap'
import { Suspects } from '../../../../src/model/parsing/suspects.ts'

function suspectsOf(add: (suspects: Suspects) => void) {
  const suspects = new Suspects()
  add(suspects)
  return ['orders', 'payments', 'other'].filter(name => suspects.mayDefine(name))
}

t.test('without a broken document nothing is suspected', async t => {
  t.same(
    suspectsOf(() => {}),
    [],
  )
})

t.test('a broken Service may define its own name and no other', async t => {
  const service = { kind: 'Service', metadata: { name: 'orders' }, spec: null }
  t.same(
    suspectsOf(suspects => suspects.addValue(service)),
    ['orders'],
  )
})

t.test('what says to be of another kind defines no Service', async t => {
  const route = { kind: 'HTTPRoute', metadata: { name: 'orders' } }
  t.same(
    suspectsOf(suspects => suspects.addValue(route)),
    [],
  )
})

t.test('a document of a kind that nobody knows may be meant to be a Service', async t => {
  for (const kind of ['Servise', undefined, 3, 'toString'])
    t.same(
      suspectsOf(suspects => suspects.addValue({ kind, metadata: { name: 'orders' } })),
      ['orders'],
    )
})

t.test('without a name it may be any', async t => {
  for (const value of [
    { kind: 'Service' },
    { kind: 'Service', metadata: { name: 1 } },
    null,
    'x',
    [],
  ])
    t.equal(suspectsOf(suspects => suspects.addValue(value)).length, 3)
})

t.test('a text that is no YAML may define what it calls a name', async t => {
  const text = 'kind: Service\nmetadata:\n  name: orders\nspec: [\n  {"name": "payments"}\n'
  t.same(
    suspectsOf(suspects => suspects.addText(text)),
    ['orders', 'payments'],
  )
})

t.test('a file that cannot be read may define anything', async t => {
  t.equal(suspectsOf(suspects => suspects.addUnknown()).length, 3)
})
