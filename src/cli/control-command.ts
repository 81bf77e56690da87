import { hostname } from 'node:os'
import { Option, type Command } from 'commander'
import { systemNamespace } from '../control/kubernetes/cluster-names.ts'
import type {
  ControlBootstrap,
  DockerBootstrap,
  KubernetesBootstrap,
  SocketAddress,
} from '../model/bootstrap.ts'
import { controlState, type Finish } from './common-options.ts'
import { parseAddress, parsePeriod } from './option-values.ts'

interface ControlFlags {
  readonly config?: string
  readonly stateDirectory: string
  readonly trustBundle?: string
  readonly push: SocketAddress
  readonly admin: SocketAddress
  readonly lease: number
  readonly scaling?: string
  readonly trustDomain?: string
  /** True without a value. */
  readonly docker?: string | true
  readonly dockerNetwork?: string
  readonly kubernetes?: boolean
  readonly webhook?: SocketAddress
  readonly injection?: string
  readonly ignoreUnknownKinds?: boolean
}

const dockerSocket = '/var/run/docker.sock'

/** `weft control`. */
export function addControl(program: Command, finish: Finish): void {
  const command = program
    .command('control')
    .description('run the control plane')
    .argument('[path]', 'file or folder of YAML documents')
    .option('--config <file>', 'a bootstrap, JSON, instead of path and options')
    .option('--state-directory <folder>', 'CA key and registrations', controlState)
    .option('--trust-bundle <file>', "where the CA's certificate is written for sidecars too")
    .addOption(
      addressOption('--push <address>', 'where sidecars connect, [host:]port', {
        host: '0.0.0.0',
        port: 15012,
      }),
    )
    .addOption(
      addressOption('--admin <address>', 'metrics and status, [host:]port', {
        host: '127.0.0.1',
        port: 15014,
      }),
    )
    .addOption(
      new Option('--lease <duration>', 'how long a silent sidecar counts')
        .argParser(parsePeriod)
        .default(30_000, '30s'),
    )
    .option('--scaling <file>', 'what starts functions of which nothing runs (YAML)')
    .option('--trust-domain <name>', 'where no path says it (default: weft.local)')
    .option('--ignore-unknown-kinds', 'leave out documents of kinds that are not known here')
  addPlatformOptions(command)
  command.action(async (configPath: string | undefined, flags: ControlFlags) => {
    const { control, controlFromFile } = await import('./control.ts')
    if (flags.config !== undefined) return finish(await controlFromFile(flags.config))
    const platforms = platformsOf(flags)
    if (configPath === undefined && Object.keys(platforms).length === 0)
      command.error(
        'error: name the configuration, or a bootstrap with --config, or say --docker or --kubernetes',
      )
    const { stateDirectory, push, admin, lease: leaseMs, scaling, trustDomain } = flags
    const { trustBundle: trustBundleFile } = flags
    const given = {
      ...(configPath !== undefined && { configPath }),
      ...(scaling !== undefined && { scaling }),
      ...(trustDomain !== undefined && { trustDomain }),
      ...(trustBundleFile !== undefined && { trustBundleFile }),
      ...(flags.ignoreUnknownKinds === true && { ignoresUnknownKinds: true }),
    }
    finish(await control({ stateDirectory, push, admin, leaseMs, ...given, ...platforms }))
  })
}

function addPlatformOptions(command: Command): void {
  command
    .option('--docker [socket]', 'services and identities of containers, by their labels')
    .option('--docker-network <name>', 'whose addresses count (default: one that we are in too)')
    .option('--kubernetes', 'configuration and identities of the cluster that this is a pod of')
    .addOption(
      new Option(
        '--webhook <address>',
        'of the injector, with --kubernetes, [host:]port',
      ).argParser(parseAddress('0.0.0.0')),
    )
    .option('--injection <file>', 'settings of the injector (YAML)')
}

function platformsOf(flags: ControlFlags): Pick<ControlBootstrap, 'docker' | 'kubernetes'> {
  const { docker, dockerNetwork, kubernetes, webhook, injection } = flags
  return {
    ...(docker !== undefined && { docker: dockerOf(docker, dockerNetwork) }),
    ...(kubernetes === true && { kubernetes: kubernetesOf(webhook, injection) }),
  }
}

function dockerOf(socket: string | true, network: string | undefined): DockerBootstrap {
  return {
    socket: socket === true ? dockerSocket : socket,
    ...(network !== undefined && { network }),
  }
}

/** The pod's own names come from its environment, as the manifests of `weft install` set it. */
function kubernetesOf(
  webhook: SocketAddress | undefined,
  injectionFile: string | undefined,
): KubernetesBootstrap {
  const { POD_NAMESPACE: namespace = systemNamespace, POD_NAME: replica = hostname() } = process.env
  return {
    namespace,
    replica,
    ...(webhook !== undefined && { webhook }),
    ...(injectionFile !== undefined && { injectionFile }),
  }
}

function addressOption(flags: string, description: string, initial: SocketAddress): Option {
  const { host, port } = initial
  return new Option(flags, description)
    .argParser(parseAddress(host))
    .default(initial, `${host}:${port}`)
}
