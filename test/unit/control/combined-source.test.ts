import t from 'tap'
import { CombinedSource } from '../../../src/control/combined-source.ts'
import type { ConfigurationSource } from '../../../src/control/configuration-source.ts'
import type { LoadResult } from '../../../src/model/configuration.ts'
import { configurationIn, serviceYaml } from '../model/configurations.ts'

function good(...names: string[]): LoadResult {
  return {
    configuration: configurationIn(names.map(name => serviceYaml(name)).join('')),
    problems: [],
  }
}

const problem = { file: 'mesh.yaml', line: 1, column: 1, path: '', message: 'is wrong' }

/** A source that loads `first`, and tells of what the test changes. */
function source(first: LoadResult) {
  let tell: (result: LoadResult) => void = () => {}
  const closed = { value: false }
  const made: ConfigurationSource = {
    load: async () => first,
    watch: async onChange => {
      tell = onChange
    },
    close: () => {
      closed.value = true
    },
  }
  return { made, closed, change: (result: LoadResult) => tell(result) }
}

function services({ configuration }: LoadResult): string[] {
  return configuration.services.map(({ metadata }) => metadata.name)
}

t.test('it has what any of its sources has', async t => {
  const combined = new CombinedSource([source(good('a')).made, source(good('b', 'c')).made])
  t.strictSame(services(await combined.load()), ['a', 'b', 'c'])
})

t.test('what two define is the first one’s, and the other is told as left out', async t => {
  const combined = new CombinedSource([source(good('a')).made, source(good('a', 'b')).made])
  const loaded = await combined.load()
  t.strictSame(services(loaded), ['a', 'b'])
  t.match(loaded.leftOut, [{ file: 'Service default/a', message: /another source/ }])
  t.equal(loaded.leftOut?.length, 1)
})

t.test('a source without a Mesh leaves that of another one as it is', async t => {
  const shut = (mtls: string): LoadResult => ({
    configuration: configurationIn(`
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: mesh }
spec: { mtls: ${mtls}, defaultAuthorization: deny }
`),
    problems: [],
  })
  const meshOf = async (...results: LoadResult[]) => {
    const combined = new CombinedSource(results.map(result => source(result).made))
    return (await combined.load()).configuration.mesh
  }
  t.match(await meshOf(good('a'), shut('strict')), { mtls: 'strict', defaultAuthorization: 'deny' })
  t.match(await meshOf(shut('permissive'), shut('strict')), { mtls: 'permissive' })
  t.match(await meshOf(shut('permissive'), good('a')), { defaultAuthorization: 'deny' })
})

t.test('a change of one keeps the others as they were', async t => {
  const [files, cluster] = [source(good('a')), source(good('b'))]
  const combined = new CombinedSource([files.made, cluster.made])
  await combined.load()
  const changes: LoadResult[] = []
  await combined.watch(result => changes.push(result))
  cluster.change(good('b', 'c'))
  t.strictSame(changes.map(services), [['a', 'b', 'c']])
})

t.test('one with problems stays as it was, and the others go on', async t => {
  const [files, cluster] = [source(good('a')), source(good('b'))]
  const combined = new CombinedSource([files.made, cluster.made])
  await combined.load()
  const changes: LoadResult[] = []
  await combined.watch(result => changes.push(result))
  files.change({ ...good(), problems: [problem] })
  cluster.change(good('c'))
  t.strictSame(changes.map(services), [
    ['a', 'b'],
    ['a', 'c'],
  ])
  t.strictSame(changes[1]?.leftOut, [problem])
  t.strictSame(changes[1]?.problems, [])
  files.change(good('d'))
  t.strictSame(changes[2]?.leftOut, [])
})

t.test('problems at a reading are problems', async t => {
  const files = source({ ...good('a'), problems: [problem] })
  const combined = new CombinedSource([files.made, source(good('b')).made])
  t.strictSame((await combined.load()).problems, [problem])
})

t.test('closing it closes all', t => {
  const [files, cluster] = [source(good()), source(good())]
  new CombinedSource([files.made, cluster.made]).close()
  t.ok(files.closed.value && cluster.closed.value)
  t.end()
})
