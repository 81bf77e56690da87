import { isIP } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { Case, CaseContext } from '../case.ts'
import { Project } from '../engine/compose.ts'
import { ask } from '../engine/gateway.ts'
import { weftImage } from '../engine/images.ts'
import { sidecarsOf } from '../engine/mesh-status.ts'
import { removePairs, startPair, type Pair } from '../engine/pair.ts'
import { copyShop, gatewayPort } from '../engine/shop-files.ts'
import { until } from '../engine/waiting.ts'

const service = 'answers'
/** Docker's own network, which a container joins first; the others come in any order. */
const aside = 'bridge'

/** A sidecar in several networks, and one that takes its application's questions for names from Docker's resolver. */
export const networks: Case = {
  name: 'networks',
  async run(context) {
    const { engine, report, folder } = context
    await using project = new Project(engine, 'nets', copyShop(folder))
    const pairs: Pair[] = []
    await using _pairs = { [Symbol.asyncDispose]: () => removePairs(engine, pairs) }
    await project.up('gateway')
    const pair = await startPair(engine, project, service, {
      environment: ['WEFT_DNS=15053'],
      aside,
    })
    pairs.push(pair)
    const answers = async (): Promise<boolean> =>
      (await ask(gatewayPort, '/', { host: service })).status === 200
    await until('the service answers', answers)
    const first = await engine.docker('exec', pair.sidecar, 'node', '-p', firstAddress)
    const [sidecar] = (await sidecarsOf(engine, project)).filter(({ name }) =>
      pair.sidecar.startsWith(name),
    )
    const [container] = await engine.inspect(pair.sidecar)
    const { Networks } = container?.NetworkSettings ?? { Networks: {} }
    const expected = [Networks[aside]?.IPAddress, Networks['nets_default']?.IPAddress]
    report.check(
      "where its first address is in another network, it says the one in the control plane's",
      isDeepStrictEqual([first, sidecar?.address], expected),
      { first, said: sidecar?.address, expected },
    )
    await names(context, pair)
  },
}

async function names({ engine, report }: CaseContext, pair: Pair): Promise<void> {
  const network = `--network=container:${pair.sidecar}`
  const rights = ['--user=0:0', '--cap-drop=ALL', '--cap-add=NET_ADMIN', '--cap-add=NET_RAW']
  const init = ['run', '--rm', network, ...rights, '--tmpfs=/run', weftImage, 'init', '--uid=1337']
  const resolve = (name: string): Promise<string> =>
    engine.docker('exec', pair.application, 'node', '-e', lookUp, name)
  const before = await resolve(service)
  await engine.docker(...init, '--dns')
  await engine.docker(...init, '--dns')
  const during = await resolve(service)
  report.check(
    'with `weft init --dns` the sidecar says where a service of the mesh is',
    !isIP(before) && during.startsWith('127.'),
    [before, during],
  )
  const other = await resolve('weft-control')
  report.check(
    "and Docker's resolver is asked for what it alone knows",
    other.startsWith('10.77.'),
    other,
  )
  await engine.docker(...init, '--undo')
  const after = await resolve(service)
  report.check('with `--undo` it is as before', !isIP(after), after)
}

const firstAddress = `Object.values(os.networkInterfaces()).flat().find(each => !each.internal).address`
/** Docker passes on what it does not know, to resolvers that are not there: a wait that has to end. */
const lookUp = `const resolver = new (require('node:dns').Resolver)({ timeout: 1000, tries: 1 })
resolver.resolve4(process.argv[1], (error, found) => console.log(error ? error.code : found[0]))`
