import t from 'tap'
import { functionKind } from '../../../../../src/model/kinds/function/function.ts'
import { checkFaults, checkTaken } from '../../schemas.ts'

const document = {
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'Function',
  metadata: { name: 'hello' },
  spec: {
    runtime: 'python3',
    code: '.',
    versions: [{ name: '1', memory: '1Gi', timeout: '9s' }, { name: 'old-2' }],
    aliases: [
      { name: 'live', backends: [{ version: '1', weight: 9 }, { version: '$LATEST' }] },
      { name: 'next', backends: [{ version: 'old-2', weight: 0 }] },
    ],
  },
}

const many = (count: number, make: (name: string) => object): object[] =>
  Array.from({ length: count }, (_, index) => make(`n${index}`))

t.test('a version says what is different, an alias what its shares are', async t => {
  const { versions, aliases } = functionKind.parse(document).spec
  t.strictSame(versions, [{ name: '1', memory: 1024, timeout: 9000 }, { name: 'old-2' }])
  t.strictSame(aliases[0]?.backends, [
    { version: '1', weight: 9 },
    { version: '$LATEST', weight: 1 },
  ])
  const { spec } = functionKind.parse({
    ...document,
    spec: { ...document.spec, versions: undefined, aliases: undefined },
  })
  t.strictSame([spec.versions, spec.aliases], [[], []])
})

t.test('each field has its bounds', async t => {
  const names = ['', 'A', 'a.b', '-a', 'a-', 'a_b', '$LATEST', 'x'.repeat(33)]
  checkFaults(t, functionKind, document, [
    ...names.map(
      name => ['spec.versions.2', { name }, /must be lower-case/, 'spec.versions.2.name'] as const,
    ),
    ['spec.versions.0.memory', '1', /must be a size/],
    ['spec.versions.0.timeout', '16m', /15 minutes/],
    ['spec.versions.0.concurrency', 0, /1/],
    ['spec.versions.0.scale', { max: 1 }, /scale/, 'spec.versions.0'],
    ['spec.versions.0.driver', 'oci', /driver/, 'spec.versions.0'],
    ['spec.aliases.0.backends', [], /1/],
    ['spec.aliases.0.backends.0.weight', -1, /0/],
    ['spec.aliases.0.backends.0.weight', 1.5, /int/],
    ['spec.aliases.0.backends.0.weight', 1_000_001, /1000000/],
    ['spec.aliases.0.backends.0.share', 1, /share/, 'spec.aliases.0.backends.0'],
    ['spec.aliases.0.backends', many(17, () => ({ version: '1' })), /16/],
    ['spec.versions.2', { name: 'live2', image: '' }, /./, 'spec.versions.2.image'],
    ['spec.aliases', many(21, name => ({ name, backends: [{ version: '1' }] })), /20/],
  ])
  for (const name of ['Live', 'a--', '', 'x'.repeat(33)])
    checkFaults(t, functionKind, document, [['spec.aliases.0.name', name, /must be lower-case/]])
})

t.test('and is taken up to them', async t => {
  checkTaken(t, functionKind, document, [
    ['spec.versions.1.name', 'old-2'],
    ['spec.versions.2', { name: 'x'.repeat(32) }],
    ['spec.versions.2', { name: '9' }],
    ['spec.aliases.0.backends.0.weight', 1_000_000],
    ['spec.aliases.0.backends', many(16, () => ({ version: '1' }))],
    ['spec.aliases', many(20, name => ({ name, backends: [{ version: '1' }] }))],
  ])
  const { versions: _, aliases: __, ...spec } = document.spec
  checkTaken(t, functionKind, { ...document, spec }, [
    ['spec.versions', many(20, name => ({ name }))],
  ])
  checkFaults(t, functionKind, { ...document, spec }, [
    ['spec.versions', many(21, name => ({ name })), /20/],
  ])
})

t.test('a name leads to one thing', async t => {
  checkFaults(t, functionKind, document, [
    ['spec.versions.2', { name: '1' }, /^1 comes twice$/, 'spec.versions.2.name'],
    [
      'spec.aliases.2',
      { name: 'live', backends: [{ version: '1' }] },
      /^live comes twice$/,
      'spec.aliases.2.name',
    ],
    ['spec.aliases.0.name', 'old-2', /^a version is called old-2 already$/],
  ])
})

t.test('an alias leads to a version, not to nothing, nor to another alias', async t => {
  checkFaults(t, functionKind, document, [
    ['spec.aliases.1.backends.0.version', '3', /^there is no version 3$/],
    ['spec.aliases.1.backends.0.version', 'live', /^there is no version live$/],
  ])
})
