import { Option, type Command } from 'commander'
import type { Finish } from '../common-options.ts'
import type { CheckFlags } from './check/check.ts'
import { addInject } from './inject.ts'
import { processStreams } from '../process/text-streams.ts'
import type { InstallFlags } from './install.ts'
import { addSetting } from './set-value.ts'
import type { UninstallFlags } from './uninstall.ts'

/** The commands for Kubernetes. */
export function addKubernetes(program: Command, finish: Finish): void {
  addInject(program, finish)
  addInstall(program, finish)
  addUninstall(program, finish)
  addCheck(program, finish)
}

function withCluster(command: Command): Command {
  return command
    .option('--context <name>', "of kubectl's configuration (default: the current one)")
    .option('--kubectl <program>', 'name or path of kubectl', 'kubectl')
}

function addInstall(program: Command, finish: Finish): void {
  const command = program
    .command('install')
    .description('print what a cluster needs: weft install | kubectl apply -f -')
    .option('--image <name>', 'of control plane and sidecars (default: weft:<version>)')
    .option('--trust-domain <name>', "of the mesh's identities (default: weft.local)")
    .option('--replicas <count>', 'of the control plane, at least (default: 2)')
    .addOption(
      new Option('--mode <mode>', 'how traffic gets to sidecars (default: dns)').choices([
        'dns',
        'transparent',
      ]),
    )
    .option('--cluster-dns <ips...>', 'resolvers of the cluster (default: looked up)')
    .option('-f, --values <file...>', 'settings in YAML, as values of the Helm chart')
    .addOption(
      new Option(
        '--set <setting=value>',
        'one of them, as networkPolicy=false; repeat it',
      ).argParser(addSetting),
    )
    .option('--crds-only', 'the CustomResourceDefinitions and nothing else')
  withCluster(command).action(async (flags: InstallFlags) => {
    const { install } = await import('./install.ts')
    finish(await install(flags, processStreams))
  })
}

function addUninstall(program: Command, finish: Finish): void {
  const command = program
    .command('uninstall')
    .description('print what is to go: weft uninstall | kubectl delete --ignore-not-found -f -')
    .option('--force', 'even where pods still have sidecars')
  withCluster(command).action(async (flags: UninstallFlags) => {
    const { uninstall } = await import('./uninstall.ts')
    finish(await uninstall(flags, processStreams))
  })
}

function addCheck(program: Command, finish: Finish): void {
  const command = program
    .command('check')
    .description(
      'look whether the cluster, the control plane and the sidecars are as they should be',
    )
    .option('--pre', 'before anything is installed: whether it can be')
    .option('-n, --namespace <name>', 'the only one whose pods are looked at (default: all)')
    .option('--json', 'for programs')
  withCluster(command).action(async (flags: CheckFlags) => {
    const { check } = await import('./check/check.ts')
    const { stdout } = process
    const { wallNow } = await import('../../base/clock.ts')
    finish(
      await check(flags, {
        write: text => void stdout.write(text),
        isTerminal: stdout.isTTY,
        now: wallNow,
      }),
    )
  })
}
