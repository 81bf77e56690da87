import type { Project } from './compose.ts'
import type { Engine } from './engine.ts'
import { nodeImage, weftImage } from './images.ts'

/** A sidecar, and its application in its network, as a compose file has them. */
export interface Pair {
  readonly sidecar: string
  readonly application: string
  /** As performance.now() has it: the engine was told to start the sidecar. */
  readonly begun: number
}

/** Answers with its host name, which is the sidecar's id. Ends at once, with whatever is under way. */
const program = `process.on('SIGTERM', () => process.exit())
require('node:http')
  .createServer((request, response) => response.end(require('node:os').hostname()))
  .listen(8080, '127.0.0.1')`

export interface PairOptions {
  /** Of the sidecar, besides those that each has. */
  readonly environment?: readonly string[]
  /** A network that it is in before the project's. */
  readonly aside?: string
}

/** Compose can't scale two services that share a network: such pairs are started one by one. */
export async function startPair(
  engine: Engine,
  project: Project,
  service: string,
  { environment = [], aside }: PairOptions = {},
): Promise<Pair> {
  const network = `${project.name}_default`
  const sidecar = await engine.docker(
    'create',
    `--network=${aside ?? network}`,
    `--label=weft.service=${service}`,
    '--label=weft.port=80:8080',
    '--label=weft.protocol=http',
    '--env=WEFT_JOIN=container',
    `--env=WEFT_SERVICE_ACCOUNT=${service}`,
    '--env=WEFT_APPLICATION_PORTS=8080',
    ...environment.map(variable => `--env=${variable}`),
    `--volume=${project.name}_trust:/var/run/weft/trust:ro`,
    '--tmpfs=/var/lib/weft:uid=1337,gid=1337,mode=0700',
    '--read-only',
    '--cap-drop=ALL',
    weftImage,
  )
  if (aside !== undefined) await engine.docker('network', 'connect', network, sidecar)
  const begun = performance.now()
  await engine.docker('start', sidecar)
  const shared = `--network=container:${sidecar}`
  const command = ['node', '-e', program]
  const application = await engine.docker('run', '--detach', shared, nodeImage, ...command)
  return { sidecar, application, begun }
}

export async function removePairs(engine: Engine, pairs: readonly Pair[]): Promise<void> {
  const ids = pairs.flatMap(({ sidecar, application }) => [application, sidecar])
  if (ids.length > 0) await engine.docker('rm', '--force', '--volumes', ...ids)
}
