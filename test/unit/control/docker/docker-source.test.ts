import t from 'tap'
import { DockerSource } from '../../../../src/control/docker/docker-source.ts'
import { meshContainer, type MeshContainer } from '../../../../src/control/docker/mesh-container.ts'
import { NetworkView } from '../../../../src/control/docker/shared-networks.ts'
import type { LoadResult } from '../../../../src/model/configuration.ts'

function orders(state = 'running', port = '80'): MeshContainer[] {
  const labels = { 'weft.service': 'orders', 'weft.port': port }
  const listed = { id: 'a', name: 'a', state, status: '', created: 0, labels, networks: new Map() }
  return [meshContainer(listed, new NetworkView(() => true)) ?? []].flat()
}

function setUp() {
  const watch = {
    containers: [] as MeshContainer[],
    refresh: async () => ({ containers: [], madeAt: undefined }),
    start: async () => {},
  }
  const results: LoadResult[] = []
  return { watch, results, source: new DockerSource(watch) }
}

t.test('what changes for callers is told, and nothing else', async t => {
  const { watch, results, source } = setUp()
  t.strictSame((await source.load()).configuration.services, [])
  await source.watch(result => results.push(result))
  source.changed()
  t.strictSame(results, [])
  watch.containers = orders()
  source.changed()
  t.match(results, [{ configuration: { services: [{ metadata: { name: 'orders' } }] } }])
  watch.containers = orders('exited')
  source.changed()
  t.equal(results.length, 1)
  watch.containers = orders('running', '81')
  source.changed()
  t.equal(results.length, 2)
  source.close()
  watch.containers = []
  source.changed()
  t.equal(results.length, 2)
})

t.test('it does not load while the engine does not answer', async t => {
  const { watch, source } = setUp()
  watch.refresh = async () => {
    throw new Error('there is no Docker Engine at /x')
  }
  await t.rejects(source.load(), /there is no Docker Engine/)
})
