import { Option, type Command } from 'commander'
import type { Finish } from '../common-options.ts'
import { version } from '../version.ts'
import type { TextStreams } from '../process/text-streams.ts'
import type { ComposeInput } from './compose-command.ts'
import type { InjectOptions } from './plan/inject-options.ts'

interface InjectFlags {
  readonly mode: InjectOptions['mode']
  readonly image: string
  readonly controlPlaneSocket: string
  readonly service?: readonly string[]
  readonly write?: boolean
}

/** `weft compose`. */
export function addCompose(program: Command, finish: Finish, streams?: TextStreams): void {
  const compose = program.command('compose').description('put a mesh into a docker-compose file')
  withFile(compose.command('inject'))
    .description('give each service of a compose file a sidecar, and say what became of each')
    .addOption(
      new Option(
        '--mode <mode>',
        'how traffic gets to sidecars; auto: by DNS, and captured where a port stands in the way',
      )
        .choices(['auto', 'dns', 'transparent'])
        .default('auto'),
    )
    .option('--image <name>', 'of Weft', `weft:${version}`)
    .option(
      '--control-plane-socket <path>',
      'of the Docker Engine, on the host',
      '${DOCKER_SOCKET:-/var/run/docker.sock}',
    )
    .option('--service <names...>', 'these services alone')
    .action(async (file: string | undefined, flags: InjectFlags) => {
      const { inject } = await import('./compose-command.ts')
      const { mode, image, controlPlaneSocket: socket, service: services } = flags
      const options = { mode, image, socket, ...(services !== undefined && { services }) }
      finish(await inject(inputOf(file, flags), options, streams))
    })
  withFile(compose.command('uninject'))
    .description('take all of that out again: the file is what it was, byte for byte')
    .action(async (file: string | undefined, flags: InjectFlags) => {
      const { uninject } = await import('./compose-command.ts')
      finish(await uninject(inputOf(file, flags), streams))
    })
}

function withFile(command: Command): Command {
  return command
    .argument('[file]', 'the compose file, or - for standard input; default: that of this folder')
    .option('--write', 'change the file, instead of printing it')
}

function inputOf(file: string | undefined, { write = false }: InjectFlags): ComposeInput {
  return { write, ...(file !== undefined && { file }) }
}
